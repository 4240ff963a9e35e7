#include "server/coordinator/placement_pass.h"

#include <string>

#include "absl/container/flat_hash_set.h"

namespace seedbed {
namespace {

// Slots of a worker that a rank or a gang is on.
absl::flat_hash_set<absl::string_view> BusySlots(const State& state, const WorkerEntry& worker) {
  absl::flat_hash_set<absl::string_view> busy;
  const auto occupied = state.occupied_slots().find(worker.report.worker_name());
  if (occupied != state.occupied_slots().end()) {
    for (const auto& [slot, gang] : occupied->second) busy.insert(slot);
  }
  for (const v1::RankStatus& rank : worker.report.ranks()) {
    if (rank.state() != v1::RANK_STATE_EXITED) busy.insert(rank.slot_id());
  }
  return busy;
}

// The gangs that could be placed now, in order, as many as there are free slots to give.
std::vector<WaitingGang> WaitingGangs(const State& state, const WorkerTable& workers, const ReviewTime& now,
                                      const SlotCensus& census) {
  std::vector<WaitingGang> waiting;
  for (const auto& [order, gang] : state.queued_gangs()) {
    if (waiting.size() >= census.free.size()) break;
    const WaitingGang candidate = {gang->gang.gang_id(), gang->gang.ranks_wanted(), gang->gang.not_before_unix_ms()};
    if (IsReady(candidate, now.unix_ms) && CouldEverFit(candidate.ranks_wanted, census.live) &&
        PreviousRanksAreGone(*gang, workers, now.monotonic)) {
      waiting.push_back(candidate);
    }
  }
  return waiting;
}

}  // namespace

SlotCensus CountSlots(const State& state, const WorkerTable& workers, absl::Duration now) {
  SlotCensus census;
  for (const auto& [name, worker] : workers.workers()) {
    if (!workers.IsUsable(worker, now)) continue;
    const absl::flat_hash_set<absl::string_view> busy = BusySlots(state, worker);
    for (const v1::Slot& slot : worker.report.slots()) {
      ++(slot.device() == v1::DEVICE_KIND_CUDA ? census.live.cuda : census.live.cpu);
      if (!busy.contains(slot.slot_id())) census.free.push_back({name, slot.slot_id(), slot.device()});
    }
  }
  return census;
}

void PlaceWaitingGangs(const State& state, const WorkerTable& workers, const ReviewTime& now,
                       const PlacementOptions& options, Decision& decision) {
  if (state.queued_gangs().empty()) return;
  const SlotCensus census = CountSlots(state, workers, now.monotonic);
  if (census.free.empty()) return;
  const std::vector<WaitingGang> waiting = WaitingGangs(state, workers, now, census);
  for (const Placement& placement : PlaceGangs(waiting, census.free, census.live, now.unix_ms, options)) {
    std::vector<v1::RankPlacement> ranks;
    for (const FreeSlot& slot : placement.slots) {
      v1::RankPlacement& rank = ranks.emplace_back();
      rank.set_rank(static_cast<int>(ranks.size()) - 1);
      rank.set_worker(slot.worker);
      rank.set_slot(slot.slot);
      rank.set_worker_instance(workers.Find(slot.worker)->report.instance_id());
    }
    decision.Place(*state.FindGang(placement.gang_id), ranks);
  }
}

}  // namespace seedbed
