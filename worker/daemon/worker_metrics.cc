#include "worker/daemon/worker_metrics.h"

#include <utility>

namespace seedbed {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Registry;

constexpr std::pair<v1::RankState, const char*> kStates[] = {{v1::RANK_STATE_STARTING, "starting"},
                                                             {v1::RANK_STATE_RUNNING, "running"},
                                                             {v1::RANK_STATE_STOPPING, "stopping"},
                                                             {v1::RANK_STATE_EXITED, "exited"}};

Family<Gauge>& GaugeFamily(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

Counter& OneCounter(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

void AddIfPositive(Counter& counter, double amount) {
  if (amount > 0) counter.Increment(amount);  // False for a NaN, too.
}

}  // namespace

WorkerMetrics::WorkerMetrics(Registry& registry, const std::vector<v1::Slot>& slots)
    : ranks_(GaugeFamily(registry, "seedbed_worker_ranks", "Ranks that the worker knows of, by state")),
      started_(OneCounter(registry, "seedbed_worker_ranks_started_total", "Ranks whose process was started")),
      failed_(OneCounter(registry, "seedbed_worker_ranks_failed_total",
                         "Ranks that failed or could not be started, without those that this worker stopped")),
      connected_(GaugeFamily(registry, "seedbed_worker_session_connected",
                             "1 while the coordinator answers this worker's session, else 0")
                     .Add({})),
      lease_(GaugeFamily(registry, "seedbed_worker_lease_remaining_seconds",
                         "Time until the worker must have stopped its ranks unless the coordinator answers")
                 .Add({})),
      tokens_(OneCounter(registry, "seedbed_worker_tokens_harvested_total",
                         "Tokens that this worker's ranks put through the language model")),
      exchange_bytes_(OneCounter(registry, "seedbed_worker_exchange_bytes_total",
                                 "Bytes of activations that this worker's ranks sent to other ranks")),
      rows_from_cache_(OneCounter(registry, "seedbed_worker_rows_from_cache_total",
                                  "Rows that this worker's ranks read from a cache instead of harvesting them")),
      cache_shards_refused_(OneCounter(registry, "seedbed_worker_cache_shards_refused_total",
                                       "Shards of caches that were damaged and harvested again")),
      checkpoints_(OneCounter(registry, "seedbed_worker_checkpoints_total",
                              "Checkpoints that this worker's ranks wrote, each counted by its rank")),
      checkpoint_bytes_(OneCounter(registry, "seedbed_worker_checkpoint_bytes_total", "Bytes of those checkpoints")),
      phase_seconds_(BuildCounter()
                         .Name("seedbed_worker_phase_seconds_total")
                         .Help("Time that this worker's ranks spent, by phase")
                         .Register(registry)),
      run_families_{
          &GaugeFamily(registry, "seedbed_run_fvu", "Fraction of variance unexplained at the latest measured step"),
          &GaugeFamily(registry, "seedbed_run_l0", "Latents that fired, mean a row, at the latest measured step"),
          &GaugeFamily(registry, "seedbed_run_dead_fraction", "Fraction of latents that are dead"),
          &GaugeFamily(registry, "seedbed_run_loss", "What is minimised, at the latest measured step"),
          &GaugeFamily(registry, "seedbed_run_sparsity_coefficient", "Of the sparsity penalty; 0 without one"),
          &GaugeFamily(registry, "seedbed_run_step", "Steps taken"),
          &GaugeFamily(registry, "seedbed_run_rows_per_second", "Rows trained on a second, lately")} {
  auto& slot_family = GaugeFamily(registry, "seedbed_worker_slots", "Slots that this worker offers, by device");
  for (const v1::Slot& slot : slots) {
    slot_family.Add({{"device", slot.device() == v1::DEVICE_KIND_CUDA ? "cuda" : "cpu"}}).Increment();
  }
  for (const auto& [state, name] : kStates) ranks_.Add({{"state", name}});
  for (const char* phase : {"harvest", "exchange", "step", "spool", "stall", "checkpoint", "checkpoint_stall"}) {
    phase_seconds_.Add({{"phase", phase}});
  }
}

void WorkerMetrics::AddWork(const v1::StreamProgress& before, const v1::StreamProgress& after) {
  const auto add_count = [](Counter& counter, int64_t from, int64_t to) {
    AddIfPositive(counter, static_cast<double>(to) - static_cast<double>(from));
  };
  add_count(tokens_, before.tokens_harvested(), after.tokens_harvested());
  add_count(exchange_bytes_, before.exchange_bytes_sent(), after.exchange_bytes_sent());
  add_count(rows_from_cache_, before.rows_from_cache(), after.rows_from_cache());
  add_count(cache_shards_refused_, before.cache_shards_refused(), after.cache_shards_refused());
  add_count(checkpoints_, before.checkpoints(), after.checkpoints());
  add_count(checkpoint_bytes_, before.checkpoint_bytes(), after.checkpoint_bytes());
  const auto add_seconds = [&](const char* phase, double from, double to) {
    AddIfPositive(phase_seconds_.Add({{"phase", phase}}), to - from);
  };
  add_seconds("harvest", before.harvest_seconds(), after.harvest_seconds());
  add_seconds("exchange", before.exchange_seconds(), after.exchange_seconds());
  add_seconds("step", before.step_seconds(), after.step_seconds());
  add_seconds("spool", before.spool_seconds(), after.spool_seconds());
  add_seconds("stall", before.stall_seconds(), after.stall_seconds());
  add_seconds("checkpoint", before.checkpoint_seconds(), after.checkpoint_seconds());
  add_seconds("checkpoint_stall", before.checkpoint_stall_seconds(), after.checkpoint_stall_seconds());
}

void WorkerMetrics::SetRanks(const std::vector<v1::RankStatus>& ranks) {
  std::map<v1::RankState, int> counts;
  std::set<std::string> training;
  absl::MutexLock lock(&mutex_);
  for (const v1::RankStatus& rank : ranks) {
    ++counts[rank.state()];
    for (const v1::RunProgress& progress : rank.progress()) {
      training.insert(progress.run_id());
      SetRun(progress);
    }
  }
  for (const auto& [state, name] : kStates) ranks_.Add({{"state", name}}).Set(counts[state]);
  RemoveRunsBut(training);
}

void WorkerMetrics::SetRun(const v1::RunProgress& progress) {
  const auto [entry, is_new] = runs_.try_emplace(progress.run_id());
  RunGauges& gauges = entry->second;
  if (is_new) {
    for (size_t i = 0; i < kRunSeries; ++i) gauges[i] = &run_families_[i]->Add({{"run", progress.run_id()}});
  }
  const v1::RunMetrics& metrics = progress.metrics();
  const double values[kRunSeries] = {metrics.fvu(),
                                     metrics.l0(),
                                     metrics.dead_fraction(),
                                     metrics.loss(),
                                     metrics.sparsity_coefficient(),
                                     static_cast<double>(progress.step()),
                                     progress.rows_per_second()};
  for (size_t i = 0; i < kRunSeries; ++i) gauges[i]->Set(values[i]);
}

void WorkerMetrics::RemoveRunsBut(const std::set<std::string>& training) {
  for (auto entry = runs_.begin(); entry != runs_.end();) {
    if (training.count(entry->first) > 0) {
      ++entry;
      continue;
    }
    for (size_t i = 0; i < kRunSeries; ++i) run_families_[i]->Remove(entry->second[i]);
    entry = runs_.erase(entry);
  }
}

}  // namespace seedbed
