#include "server/coordinator/directives.h"

#include <string>

#include "absl/container/btree_map.h"

namespace seedbed {
namespace {

v1::GangSpec BuildGangSpec(const State& state, const GangRecord& gang) {
  v1::GangSpec spec;
  spec.set_sweep_id(gang.gang.sweep_id());
  spec.set_gang_id(gang.gang.gang_id());
  spec.set_attempt(gang.gang.attempt());
  *spec.mutable_stream() = gang.gang.stream();
  if (gang.gang.has_cache()) *spec.mutable_cache() = gang.gang.cache();
  if (gang.gang.has_evaluation()) *spec.mutable_evaluation() = gang.gang.evaluation();
  if (gang.gang.has_checkpoint()) *spec.mutable_checkpoint() = gang.gang.checkpoint();
  spec.set_low_memory(gang.failed_attempts[v1::FAILURE_KIND_OUT_OF_MEMORY] > 0);
  for (const std::string& run_id : gang.attempt_run_ids) {
    v1::RunAssignment& assignment = *spec.add_runs();
    assignment.set_run_id(run_id);
    *assignment.mutable_sae() = state.FindRun(run_id)->sae();
  }
  return spec;
}

std::string RendezvousAddress(const GangRecord& gang, const WorkerTable& workers) {
  const v1::RankPlacement& first = gang.gang.placements(0);
  v1::RankKey key;
  key.set_gang_id(gang.gang.gang_id());
  key.set_attempt(gang.gang.attempt());
  const v1::RankStatus* rank = workers.FindRank(first.worker(), first.worker_instance(), key);
  return rank == nullptr ? "" : rank->rendezvous_address();
}

void AddRanks(const State& state, const WorkerTable& workers, const WorkerEntry& worker, const GangRecord& gang,
              v1::WorkerDirective& directive) {
  const v1::GangSpec spec = BuildGangSpec(state, gang);
  const std::string rendezvous = RendezvousAddress(gang, workers);
  for (const v1::RankPlacement& placement : gang.gang.placements()) {
    if (placement.worker() != worker.report.worker_name() ||
        placement.worker_instance() != worker.report.instance_id()) {
      continue;
    }
    v1::DesiredRank& rank = *directive.add_ranks();
    rank.mutable_key()->set_gang_id(gang.gang.gang_id());
    rank.mutable_key()->set_attempt(gang.gang.attempt());
    rank.mutable_key()->set_rank(placement.rank());
    rank.set_slot_id(placement.slot());
    rank.set_world_size(gang.gang.placements_size());
    rank.set_rendezvous_address(rendezvous);
    *rank.mutable_gang() = spec;
  }
}

}  // namespace

v1::WorkerDirective BuildDirective(const State& state, const WorkerTable& workers, const WorkerEntry& worker,
                                   absl::Duration lease) {
  v1::WorkerDirective directive;
  directive.set_acknowledged_sequence(worker.report.sequence());
  directive.set_lease_ms(absl::ToInt64Milliseconds(lease));
  const auto occupied = state.occupied_slots().find(worker.report.worker_name());
  if (occupied == state.occupied_slots().end()) return directive;
  absl::btree_map<int64_t, const GangRecord*> gangs;
  for (const auto& [slot, gang] : occupied->second) gangs.emplace(gang->order, gang);
  for (const auto& [order, gang] : gangs) AddRanks(state, workers, worker, *gang, directive);
  return directive;
}

}  // namespace seedbed
