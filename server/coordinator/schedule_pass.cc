#include "server/coordinator/schedule_pass.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "server/scheduler/explanation.h"

namespace seedbed {
namespace {

// Slots of a worker on which ranks are.
absl::flat_hash_set<absl::string_view> SlotsWithRanks(const WorkerEntry& worker) {
  absl::flat_hash_set<absl::string_view> slots;
  for (const v1::RankStatus& rank : worker.report.ranks()) {
    if (rank.state() != v1::RANK_STATE_EXITED) slots.insert(rank.slot_id());
  }
  return slots;
}

std::optional<int64_t> EndOf(const GangRecord& gang, const State& state, const ProgressByRun& progress,
                             int64_t now_unix_ms) {
  double seconds_left = 0;
  for (const std::string& run_id : gang.attempt_run_ids) {
    if (HasEnded(state.FindRun(run_id)->state())) continue;
    const auto latest = progress.find(run_id);
    if (latest == progress.end() || !(latest->second.seconds_left() > 0)) return std::nullopt;
    seconds_left = std::max(seconds_left, latest->second.seconds_left());
  }
  constexpr double kLongestSeconds = 1e12;
  return now_unix_ms + static_cast<int64_t>(std::ceil(1000 * std::min(seconds_left, kLongestSeconds)));
}

}  // namespace

std::vector<OfferedSlot> OfferedSlots(const State& state, const WorkerTable& workers, absl::Duration now) {
  std::vector<OfferedSlot> offered;
  for (const auto& [name, worker] : workers.workers()) {
    if (!workers.IsUsable(worker, now)) continue;
    const absl::flat_hash_set<absl::string_view> with_ranks = SlotsWithRanks(worker);
    const bool draining = state.draining_workers().contains(name);
    for (const v1::Slot& slot : worker.report.slots()) {
      OfferedSlot& added = offered.emplace_back();
      added.worker = name;
      added.slot = slot.slot_id();
      added.machine = worker.report.host().empty() ? name : worker.report.host();
      added.device = slot.device();
      added.memory_bytes = slot.memory_bytes();
      added.labels = worker.labels;
      added.draining = draining;
      if (with_ranks.contains(slot.slot_id())) added.use = SlotUse::kStopping;
    }
  }
  return offered;
}

SlotCounts CountSlots(const State& state, const WorkerTable& workers, absl::Duration now) {
  SlotCounts counts;
  for (const OfferedSlot& slot : OfferedSlots(state, workers, now)) {
    ++counts.live;
    const auto occupied = state.occupied_slots().find(slot.worker);
    const bool is_held = occupied != state.occupied_slots().end() && occupied->second.contains(slot.slot);
    counts.free += !is_held && slot.use == SlotUse::kFree;
  }
  return counts;
}

StateProblem PoseProblem(const State& state, const WorkerTable& workers, const ProgressByRun& progress,
                         const ReviewTime& now, const SchedulingOptions& options) {
  ClusterFacts facts;
  facts.slots = OfferedSlots(state, workers, now.monotonic);
  facts.previous_ranks_are_gone = [&](const GangRecord& gang) {
    return PreviousRanksAreGone(gang, workers, now.monotonic);
  };
  facts.end_unix_ms = [&](const GangRecord& gang) { return EndOf(gang, state, progress, now.unix_ms); };
  return ProblemOf(state, facts, now.unix_ms, options);
}

void AddSchedule(const StateProblem& posed, const Schedule& schedule, const WorkerTable& workers, Decision& decision) {
  for (const Preemption& preemption : schedule.preemptions) {
    decision.Interrupt(*posed.running[preemption.victim], v1::INTERRUPTION_PREEMPTED,
                       posed.waiting[preemption.by]->gang.gang_id());
  }
  for (const Placement& placement : schedule.placements) {
    std::vector<v1::RankPlacement> ranks;
    v1::DeviceKind device = v1::DEVICE_KIND_UNSPECIFIED;
    for (const int index : placement.slots) {
      const OfferedSlot& slot = posed.problem.slots[index];
      device = slot.device;
      v1::RankPlacement& rank = ranks.emplace_back();
      rank.set_rank(static_cast<int>(ranks.size()) - 1);
      rank.set_worker(std::string(slot.worker));
      rank.set_slot(std::string(slot.slot));
      rank.set_worker_instance(workers.Find(slot.worker)->report.instance_id());
    }
    decision.Place(*posed.waiting[placement.gang], ranks, device);
  }
}

v1::GangWait ExplainGang(const StateProblem& posed, const Schedule& schedule, const GangRecord& gang) {
  const auto found = std::find(posed.waiting.begin(), posed.waiting.end(), &gang);
  if (found == posed.waiting.end()) return ExplainHeld(gang.gang.gang_id());
  const auto index = static_cast<int>(found - posed.waiting.begin());
  return ExplainWait(posed.problem, index, schedule.waits[index]);
}

}  // namespace seedbed
