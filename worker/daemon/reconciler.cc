#include "worker/daemon/reconciler.h"

#include <set>

namespace seedbed {
namespace {

bool HasProcess(const ActualState& rank) { return rank.state != v1::RANK_STATE_EXITED; }

std::vector<RankId> RanksToStart(const ReconcileInput& input) {
  if (input.shutting_down || input.lease != LeasePhase::kHeld || !input.desired.has_value()) return {};
  std::set<RankId> known;  // Or listed before: of a key that is there twice the first counts.
  std::set<std::string> busy_slots;
  for (const ActualState& rank : input.actual) {
    known.insert(rank.id);
    if (HasProcess(rank)) busy_slots.insert(rank.slot_id);
  }
  std::vector<RankId> start;
  for (const DesiredState& rank : *input.desired) {
    const bool waits_for_rank_0 = rank.id.rank != 0 && rank.world_size > 1 && !rank.rendezvous_known;
    if (!known.insert(rank.id).second || waits_for_rank_0 || busy_slots.count(rank.slot_id) > 0) continue;
    start.push_back(rank.id);
    busy_slots.insert(rank.slot_id);
  }
  return start;
}

std::optional<StopReason> WhyStop(const ReconcileInput& input, bool desired) {
  if (input.shutting_down) return StopReason::kShutdown;
  if (input.lease == LeasePhase::kEnding || input.lease == LeasePhase::kOver) return StopReason::kLeaseEnding;
  if (input.desired.has_value() && !desired) return StopReason::kNotDesired;
  return std::nullopt;
}

}  // namespace

Plan Reconcile(const ReconcileInput& input) {
  Plan plan;
  plan.start = RanksToStart(input);
  std::set<RankId> desired;
  if (input.desired.has_value()) {
    for (const DesiredState& rank : *input.desired) desired.insert(rank.id);
  }
  for (const ActualState& rank : input.actual) {
    const bool is_desired = desired.count(rank.id) > 0;
    if (!HasProcess(rank)) {
      if (input.desired.has_value() && !is_desired) plan.forget.push_back(rank.id);
      continue;
    }
    const auto reason = WhyStop(input, is_desired);
    if (reason.has_value() && rank.state != v1::RANK_STATE_STOPPING) plan.terminate.push_back({rank.id, *reason});
    if (input.lease == LeasePhase::kOver) plan.kill.push_back(rank.id);
  }
  return plan;
}

}  // namespace seedbed
