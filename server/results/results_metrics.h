// What the results service counts, for /metrics (docs/metrics.md).
#ifndef SEEDBED_SERVER_RESULTS_RESULTS_METRICS_H_
#define SEEDBED_SERVER_RESULTS_RESULTS_METRICS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

// Thread-safe.
class ResultsMetrics {
 public:
  ResultsMetrics();

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

  void SetLastEvent(int64_t event) { last_event_.Set(static_cast<double>(event)); }
  void SetConnected(bool connected) { connected_.Set(connected ? 1 : 0); }
  void SetPending(const std::vector<v1::Agreement>& requests);

  void CountComputed(const v1::Agreement& agreement, double seconds);
  void CountReused() { reused_.Increment(); }
  void CountFailedAttempt() { failed_attempts_.Increment(); }
  void CountFailed() { failed_.Increment(); }

 private:
  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Gauge& last_event_;
  prometheus::Gauge& connected_;
  prometheus::Gauge& sets_pending_;
  prometheus::Gauge& pairs_pending_;
  prometheus::Counter& computed_;
  prometheus::Counter& reused_;
  prometheus::Counter& failed_;
  prometheus::Counter& failed_attempts_;
  prometheus::Counter& pairs_computed_;
  prometheus::Counter& uncertified_;
  prometheus::Histogram& seconds_;
  prometheus::Gauge& gap_;
  prometheus::Gauge& shared_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_RESULTS_METRICS_H_
