// One run of seedbed-agree.
#ifndef SEEDBED_SERVER_RESULTS_AGREE_PROCESS_H_
#define SEEDBED_SERVER_RESULTS_AGREE_PROCESS_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "seedbed/v1/results.pb.h"
#include "seedbed/v1/run.pb.h"
#include "server/results/wake_signal.h"

namespace seedbed {

struct AgreeOptions {
  std::string program;                           // Path of seedbed-agree.
  int threads = 0;                               // 0 = as many as there are cores.
  std::string work_folder;                       // For its output and log. Exists; belongs to one run at a time.
  std::string pair_folder;                       // Where matchings are kept (common/pair_key.h); made when needed.
  absl::Duration stop_grace = absl::Seconds(5);  // Between SIGTERM and SIGKILL.
};

// Exactly one of the three.
struct AgreeOutcome {
  std::optional<v1::Agreement> agreement;  // Fits the request (CheckAnswer).
  std::optional<v1::Failure> failure;
  bool stopped = false;  // `stop` came before the end; the process is gone.
};

// Computes the numbers of `request`, blocking until the process has ended or `stop` was stopped. The process dies with
// the thread that called this.
AgreeOutcome RunAgree(const AgreeOptions& options, const v1::Agreement& request, WakeSignal& stop);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_AGREE_PROCESS_H_
