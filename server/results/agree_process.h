// One run of seedbed-agree.
#ifndef SEEDBED_SERVER_RESULTS_AGREE_PROCESS_H_
#define SEEDBED_SERVER_RESULTS_AGREE_PROCESS_H_

#include <cstdint>
#include <functional>
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
  std::string artifact_folder;                   // Gets `stability` and, where asked for, `consensus`. Empty = neither.
  int64_t cached_bytes = int64_t{4} << 30;       // Of dictionaries that it keeps in memory, besides two.
  int64_t most_bytes = 0;                        // Anonymous memory above which it is stopped; 0 = no limit.
  absl::Duration stop_grace = absl::Seconds(5);  // Between SIGTERM and SIGKILL.
  std::function<void()> on_progress;             // Called again and again while it runs. May be null.
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
