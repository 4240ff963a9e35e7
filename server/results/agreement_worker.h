// Computes what is pending, one sibling set after another, in seedbed-agree processes.
#ifndef SEEDBED_SERVER_RESULTS_AGREEMENT_WORKER_H_
#define SEEDBED_SERVER_RESULTS_AGREEMENT_WORKER_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/results/agree_process.h"
#include "server/results/results_metrics.h"
#include "server/results/results_store.h"
#include "server/results/wake_signal.h"

namespace seedbed {

// The queue is the store: what is pending there is computed, oldest first, whatever became of an earlier process of
// this service. What is stored under the same content key is not computed again, and neither is any matching: a set
// with new dictionaries, or another threshold, takes those that are there.
class AgreementWorker {
 public:
  struct Options {
    AgreeOptions agree;
    int attempts = 3;  // Before a sibling set is given up and its failure stored.
    absl::Duration retry_delay = absl::Seconds(1);
  };

  // Starts a thread. `store` and `metrics` must outlive the worker.
  AgreementWorker(Options options, ResultsStore* store, ResultsMetrics* metrics);
  // Stops the process that is running, if any; its sibling set stays pending.
  ~AgreementWorker();

  // Tells that the store may hold something new. Thread-safe.
  void Wake() { signal_.Wake(); }

 private:
  void Run();
  void Process(const v1::Agreement& request);
  // Runs seedbed-agree until it succeeds or has failed `attempts` times. Each matching is stored as soon as it is made,
  // so a later run goes on where an earlier one ended.
  AgreeOutcome Compute(const v1::Agreement& request);
  void KeepReused(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers);
  void KeepComputed(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers, double seconds);
  void KeepFailure(const v1::Agreement& request, const v1::Failure& failure);
  // Tries until the store takes it or the worker is stopped: what was computed is not thrown away for a full disk.
  bool Store(const v1::Agreement& request, const std::function<absl::Status()>& store);

  const Options options_;
  ResultsStore* const store_;
  ResultsMetrics* const metrics_;
  WakeSignal signal_;
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_AGREEMENT_WORKER_H_
