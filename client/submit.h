// `seedbed submit`.
#ifndef SEEDBED_CLIENT_SUBMIT_H_
#define SEEDBED_CLIENT_SUBMIT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/console.h"
#include "client/wait.h"

namespace seedbed {

struct SubmitOptions {
  std::string server;  // HOST:PORT
  std::string file;
  std::string idempotency_key;  // Empty = a random one.
  bool wait = false;
  bool dry_run = false;
  bool json = false;
  absl::Duration retry_for = absl::Seconds(10);  // While the coordinator can't be reached.
  WaitOptions waiting;
};

// Errors: INVALID_ARGUMENT for the file, with its line; else what the coordinator answered, or WaitForSweep gives.
absl::Status RunSubmit(const SubmitOptions& options, Console& console);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_SUBMIT_H_
