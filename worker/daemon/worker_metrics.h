// The worker's series for Prometheus: seedbed_worker_*, and seedbed_run_* for each run while it trains here.
#ifndef SEEDBED_WORKER_DAEMON_WORKER_METRICS_H_
#define SEEDBED_WORKER_DAEMON_WORKER_METRICS_H_

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "seedbed/v1/trainer.pb.h"
#include "seedbed/v1/worker.pb.h"

namespace seedbed {

// Thread-safe.
class WorkerMetrics {
 public:
  // `registry` must outlive this.
  WorkerMetrics(prometheus::Registry& registry, const std::vector<v1::Slot>& slots);

  void CountStarted() { started_.Increment(); }
  void CountFailed() { failed_.Increment(); }
  // Adds what a rank has done between two of its totals. What would make a counter fall is left out.
  void AddWork(const v1::StreamProgress& before, const v1::StreamProgress& after);
  // Ranks by state, and the series of exactly those runs that train now.
  void SetRanks(const std::vector<v1::RankStatus>& ranks);
  void SetConnected(bool connected) { connected_.Set(connected ? 1 : 0); }
  void SetLease(absl::Duration remaining) { lease_.Set(absl::ToDoubleSeconds(remaining)); }

 private:
  static constexpr size_t kRunSeries = 7;
  using RunGauges = std::array<prometheus::Gauge*, kRunSeries>;

  void SetRun(const v1::RunProgress& progress) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveRunsBut(const std::set<std::string>& training) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  prometheus::Family<prometheus::Gauge>& ranks_;
  prometheus::Counter& started_;
  prometheus::Counter& failed_;
  prometheus::Gauge& connected_;
  prometheus::Gauge& lease_;
  prometheus::Counter& tokens_;
  prometheus::Counter& exchange_bytes_;
  prometheus::Counter& rows_from_cache_;
  prometheus::Counter& cache_shards_refused_;
  prometheus::Counter& checkpoints_;
  prometheus::Counter& checkpoint_bytes_;
  prometheus::Family<prometheus::Counter>& phase_seconds_;
  std::array<prometheus::Family<prometheus::Gauge>*, kRunSeries> run_families_;

  absl::Mutex mutex_;
  std::map<std::string, RunGauges> runs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_WORKER_METRICS_H_
