// Computes what is pending in seedbed-agree processes, several sibling sets at once within cores and memory.
#ifndef SEEDBED_SERVER_RESULTS_AGREEMENT_WORKER_H_
#define SEEDBED_SERVER_RESULTS_AGREEMENT_WORKER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/results/agree_process.h"
#include "server/results/agreement_feed.h"
#include "server/results/compute_budget.h"
#include "server/results/memory_estimate.h"
#include "server/results/results_metrics.h"
#include "server/results/results_store.h"
#include "server/results/wake_signal.h"

namespace seedbed {

// The queue is the store: what is pending there is computed, oldest first, whatever became of an earlier process of
// this service. What is stored under the same content key is not computed again, and neither is any matching: a set
// with new dictionaries, or another threshold, takes those that are there. The oldest set that waits for memory is
// overtaken by none.
class AgreementWorker {
 public:
  struct Options {
    AgreeOptions agree;  // Its `threads` are shared by all sets; those of memory and artifacts are set by the worker.
    std::string artifact_root;                // Of what agreements list: ROOT/KEY/stability, ROOT/KEY/consensus.
    int64_t memory_bytes = int64_t{1} << 40;  // For all processes together.
    int sets_at_once = 1;
    int attempts = 3;  // Before a sibling set is given up and its failure stored.
    absl::Duration retry_delay = absl::Seconds(1);
  };

  // Starts a thread. `store`, `metrics` and `feed` must outlive the worker.
  AgreementWorker(Options options, ResultsStore* store, ResultsMetrics* metrics, AgreementFeed* feed);
  // Stops the processes that are running; their sibling sets stay pending.
  ~AgreementWorker();

  // Tells that the store may hold something new. Thread-safe.
  void Wake() { signal_.Wake(); }

 private:
  // A set that is being computed, on a thread of its own.
  struct Job {
    v1::Agreement request;
    std::string key;
    MemoryPlan plan;
    int cores = 0;
    std::string work_folder;
    std::atomic<bool> done{false};
    std::thread thread;
  };

  // On the worker's own thread.
  void Run();
  void JoinJobs(bool all);
  // Starts what may start now. The sets that are being computed are pending too.
  void Dispatch(const std::vector<v1::Agreement>& pending);
  // Whether the sets after it may be looked at.
  bool Consider(const v1::Agreement& request, int waiting);
  bool IsRunning(const std::string& sibling_set_id, const std::string& key) const;
  void Start(const v1::Agreement& request, const std::string& key, const MemoryPlan& plan, int cores);

  // On a job's thread.
  void Process(const Job& job);
  // Runs seedbed-agree until it succeeds or has failed `attempts` times. Each matching is stored as soon as it is made,
  // so a later run goes on where an earlier one ended. What ran out of memory is tried once more, pair by pair.
  AgreeOutcome Compute(const Job& job);
  AgreeOutcome ComputeOnce(const Job& job, const MemoryPlan& plan);
  AgreeOptions OptionsFor(const Job& job, const MemoryPlan& plan);

  void KeepReused(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers);
  void KeepComputed(const v1::Agreement& request, const std::string& key, const v1::Agreement& numbers, double seconds);
  void KeepFailure(const v1::Agreement& request, const v1::Failure& failure);
  // Tries until the store takes it or the worker is stopped: what was computed is not thrown away for a full disk.
  bool Store(const v1::Agreement& request, const std::function<absl::Status()>& store);

  const Options options_;
  ResultsStore* const store_;
  ResultsMetrics* const metrics_;
  AgreementFeed* const feed_;
  WakeSignal signal_;

  // Of the worker's thread alone.
  ComputeBudget budget_;
  std::list<Job> jobs_;
  int64_t started_ = 0;

  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_AGREEMENT_WORKER_H_
