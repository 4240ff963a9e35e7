// `seedbed up`: every daemon on this machine, on loopback, in one terminal.
//
//   DIR/coordinator.db, results.db   what must not be lost        DIR/logs/NAME.log   what each daemon logs
//   DIR/artifacts/                   exports                      DIR/run/NAME.json   written by a daemon that serves
//   DIR/scratch/                     spooled activations          DIR/up.json         addresses, while all serve
//   DIR/lock                         held while it is up
#ifndef SEEDBED_CLIENT_UP_H_
#define SEEDBED_CLIENT_UP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/console.h"
#include "client/supervisor.h"

namespace seedbed {

struct UpOptions {
  std::string folder = "seedbed-data";
  std::string slots = "cpu:1";  // As seedbed-worker takes them.
  int threads_per_slot = 0;     // 0 = the worker's own default.
  int port = 7600;              // Coordinator; the results service takes the next one. 0 = free ones.
  int http_port = 7610;         // Three in a row: coordinator, results, worker. 0 = free ones.
  std::string binaries;         // Folder of seedbed-coordinator, seedbed-results and seedbed-worker.
};

// Where each daemon listens.
struct UpAddresses {
  std::string coordinator;
  std::string results;
  std::string coordinator_http;
  std::string results_http;
  std::string worker_http;
};

// The ports that the options ask for; free ones are chosen now and stay the same over restarts of a daemon.
// INVALID_ARGUMENT for ports out of range or that overlap; UNAVAILABLE when no free one is found.
absl::StatusOr<UpAddresses> ChooseAddresses(const UpOptions& options);

// The daemons in the order in which they start. `folder` is absolute.
std::vector<DaemonSpec> UpDaemons(const UpOptions& options, const std::string& folder, const UpAddresses& addresses);

// Serves until the user stops it. One line for everything that can't be started, with nothing left running.
absl::Status RunUp(const UpOptions& options, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_UP_H_
