// The command line of seedbed-worker, checked.
#ifndef SEEDBED_WORKER_DAEMON_OPTIONS_H_
#define SEEDBED_WORKER_DAEMON_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/daemon.h"
#include "worker/daemon/worker.h"

namespace seedbed {

struct WorkerFlags {
  Worker::Options worker;  // All but on_refused.
  HostPort http;
  std::string ready_file;
  std::string help;  // Not empty: the user asked for it, and nothing else is set.
};

// INVALID_ARGUMENT naming the flag. Touches no file.
absl::StatusOr<WorkerFlags> ParseWorkerFlags(int argc, const char* const* argv);

// The folders can be made and written, and the trainer is there and executable. The error names the flag.
absl::Status CheckMachine(const WorkerFlags& flags);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_OPTIONS_H_
