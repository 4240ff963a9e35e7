// What the coordinator tells Prometheus (docs/metrics.md lists the names).
#ifndef SEEDBED_SERVER_COORDINATOR_COORDINATOR_METRICS_H_
#define SEEDBED_SERVER_COORDINATOR_COORDINATOR_METRICS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "seedbed/v1/run.pb.h"
#include "server/state/records.h"

namespace seedbed {

// What is read off the coordinator at each scrape.
struct CoordinatorGauges {
  SweepCounts sweeps = {};
  RunCounts runs = {};
  int64_t gangs_queued = 0;
  int64_t gangs_active = 0;
  int64_t workers_connected = 0;
  int64_t slots = 0;
  int64_t slots_free = 0;
  int64_t sessions = 0;
  int64_t watchers = 0;
  bool log_writable = true;
};

// Thread-safe.
class CoordinatorMetrics final : public prometheus::Collectable {
 public:
  CoordinatorMetrics();

  // Where gauges come from. Called at each scrape until it is set to nullptr, which waits for a call under way.
  void SetGaugeSource(std::function<CoordinatorGauges()> source) ABSL_LOCKS_EXCLUDED(source_mutex_);

  void EventsAppended(int count, absl::Duration took);
  void AppendFailed();
  void AttemptFailed(v1::FailureKind kind);
  void RunFailed(v1::FailureKind kind);
  // `outcome` is a label's value.
  void InspectionEnded(absl::string_view outcome, absl::Duration took);
  void RpcEnded(absl::string_view method, absl::string_view code, absl::Duration took);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  void SetGauges(const CoordinatorGauges& gauges) const;

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Histogram>& rpc_seconds_;
  prometheus::Counter& events_appended_;
  prometheus::Counter& append_failures_;
  prometheus::Histogram& append_seconds_;
  prometheus::Family<prometheus::Counter>& attempts_failed_;
  prometheus::Family<prometheus::Counter>& runs_failed_;
  prometheus::Family<prometheus::Counter>& inspections_;
  prometheus::Histogram& inspection_seconds_;
  prometheus::Family<prometheus::Gauge>& sweeps_;
  prometheus::Family<prometheus::Gauge>& runs_;
  prometheus::Family<prometheus::Gauge>& gangs_;
  prometheus::Gauge& workers_connected_;
  prometheus::Gauge& slots_;
  prometheus::Gauge& slots_free_;
  prometheus::Gauge& sessions_;
  prometheus::Gauge& watchers_;
  prometheus::Gauge& log_writable_;

  mutable absl::Mutex source_mutex_;
  std::function<CoordinatorGauges()> source_ ABSL_GUARDED_BY(source_mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_COORDINATOR_METRICS_H_
