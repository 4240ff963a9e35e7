#include "server/coordinator/coordinator_metrics.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

// Of a local disk or a loopback call to one that is in trouble. Seconds.
const prometheus::Histogram::BucketBoundaries kLatencyBuckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                                 0.1,    0.25,  0.5,    1,     2.5,  5,     10};

// Of a process that reads a config and headers, to one that counts tokens for a minute. Seconds.
const prometheus::Histogram::BucketBoundaries kInspectionBuckets = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60};

prometheus::Gauge& OneGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& OneCounter(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

CoordinatorMetrics::CoordinatorMetrics()
    : rpc_seconds_(BuildHistogram()
                       .Name("seedbed_coordinator_rpc_seconds")
                       .Help("Time from a request to its answer, by method and status code; streams from start to end")
                       .Register(registry_)),
      events_appended_(OneCounter(registry_, "seedbed_coordinator_events_appended_total", "Events made durable")),
      append_failures_(OneCounter(registry_, "seedbed_coordinator_event_append_failures_total",
                                  "Transactions that the event log refused")),
      append_seconds_(BuildHistogram()
                          .Name("seedbed_coordinator_event_append_seconds")
                          .Help("Time to make one transaction of events durable")
                          .Register(registry_)
                          .Add({}, kLatencyBuckets)),
      attempts_failed_(BuildCounter()
                           .Name("seedbed_coordinator_attempts_failed_total")
                           .Help("Attempts of gangs that failed, by kind of failure")
                           .Register(registry_)),
      runs_failed_(BuildCounter()
                       .Name("seedbed_coordinator_runs_failed_total")
                       .Help("Runs that were given up, by kind of failure")
                       .Register(registry_)),
      inspections_(BuildCounter()
                       .Name("seedbed_coordinator_inspections_total")
                       .Help("Sweeps whose files were to be inspected, by outcome")
                       .Register(registry_)),
      inspection_seconds_(BuildHistogram()
                              .Name("seedbed_coordinator_inspection_seconds")
                              .Help("Time from a submission to the end of its inspection")
                              .Register(registry_)
                              .Add({}, kInspectionBuckets)),
      sweeps_(BuildGauge().Name("seedbed_coordinator_sweeps").Help("Sweeps by state").Register(registry_)),
      runs_(BuildGauge().Name("seedbed_coordinator_runs").Help("Runs by state").Register(registry_)),
      gangs_(BuildGauge()
                 .Name("seedbed_coordinator_gangs")
                 .Help("Gangs that wait for slots (queued) or have them (active)")
                 .Register(registry_)),
      workers_connected_(
          OneGauge(registry_, "seedbed_coordinator_workers_connected", "Workers that can be given work")),
      slots_(OneGauge(registry_, "seedbed_coordinator_slots", "Slots of the connected workers")),
      slots_free_(OneGauge(registry_, "seedbed_coordinator_slots_free", "Slots of them that nothing runs on")),
      sessions_(OneGauge(registry_, "seedbed_coordinator_sessions", "Open worker streams")),
      watchers_(OneGauge(registry_, "seedbed_coordinator_watchers", "Open WatchSweep streams")),
      log_writable_(OneGauge(registry_, "seedbed_coordinator_log_writable",
                             "1 while the event log takes events, 0 since it last refused one")) {
  // A series that begins at 1 has no increase: all are there from the start.
  for (int kind = 1; kind < v1::FailureKind_ARRAYSIZE; ++kind) {
    const std::string name = FailureKindName(static_cast<v1::FailureKind>(kind));
    attempts_failed_.Add({{"kind", name}});
    runs_failed_.Add({{"kind", name}});
  }
}

void CoordinatorMetrics::SetGaugeSource(std::function<CoordinatorGauges()> source) {
  absl::MutexLock lock(&source_mutex_);
  source_ = std::move(source);
}

void CoordinatorMetrics::EventsAppended(int count, absl::Duration took) {
  events_appended_.Increment(count);
  append_seconds_.Observe(absl::ToDoubleSeconds(took));
}

void CoordinatorMetrics::AppendFailed() { append_failures_.Increment(); }

void CoordinatorMetrics::AttemptFailed(v1::FailureKind kind) {
  attempts_failed_.Add({{"kind", FailureKindName(kind)}}).Increment();
}

void CoordinatorMetrics::RunFailed(v1::FailureKind kind) {
  runs_failed_.Add({{"kind", FailureKindName(kind)}}).Increment();
}

void CoordinatorMetrics::InspectionEnded(absl::string_view outcome, absl::Duration took) {
  inspections_.Add({{"outcome", std::string(outcome)}}).Increment();
  inspection_seconds_.Observe(absl::ToDoubleSeconds(took));
}

void CoordinatorMetrics::RpcEnded(absl::string_view method, absl::string_view code, absl::Duration took) {
  rpc_seconds_.Add({{"method", std::string(method)}, {"code", std::string(code)}}, kLatencyBuckets)
      .Observe(absl::ToDoubleSeconds(took));
}

void CoordinatorMetrics::SetGauges(const CoordinatorGauges& gauges) const {
  for (int state = 1; state < v1::SweepState_ARRAYSIZE; ++state) {
    sweeps_.Add({{"state", SweepStateName(static_cast<v1::SweepState>(state))}})
        .Set(static_cast<double>(gauges.sweeps[state]));
  }
  for (int state = 1; state < v1::RunState_ARRAYSIZE; ++state) {
    runs_.Add({{"state", RunStateName(static_cast<v1::RunState>(state))}}).Set(static_cast<double>(gauges.runs[state]));
  }
  gangs_.Add({{"state", "queued"}}).Set(static_cast<double>(gauges.gangs_queued));
  gangs_.Add({{"state", "active"}}).Set(static_cast<double>(gauges.gangs_active));
  workers_connected_.Set(static_cast<double>(gauges.workers_connected));
  slots_.Set(static_cast<double>(gauges.slots));
  slots_free_.Set(static_cast<double>(gauges.slots_free));
  sessions_.Set(static_cast<double>(gauges.sessions));
  watchers_.Set(static_cast<double>(gauges.watchers));
  log_writable_.Set(gauges.log_writable ? 1 : 0);
}

std::vector<prometheus::MetricFamily> CoordinatorMetrics::Collect() const {
  {
    absl::MutexLock lock(&source_mutex_);
    if (source_) SetGauges(source_());
  }
  return registry_.Collect();
}

}  // namespace seedbed
