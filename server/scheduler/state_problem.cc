#include "server/scheduler/state_problem.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "server/scheduler/gang_estimate.h"
#include "server/scheduler/measured_rate.h"
#include "server/scheduler/retry_policy.h"

namespace seedbed {
namespace {

class Builder {
 public:
  Builder(const State& state, const ClusterFacts& facts, int64_t now_unix_ms, const SchedulingOptions& options)
      : state_(state), facts_(facts) {
    problem_.now_unix_ms = now_unix_ms;
    problem_.options = options;
  }

  StateProblem Build() {
    AddUsers();
    AddRunning();
    AddSlots();
    AddWaiting();
    for (const v1::DeviceKind device : {v1::DEVICE_KIND_CPU, v1::DEVICE_KIND_CUDA}) {
      problem_.flops_per_rank_second[device] = MeasuredRate(state_, device);
    }
    return std::move(built_);
  }

 private:
  void AddUsers() {
    for (const auto& [name, user] : state_.users()) {
      user_places_[&user] = static_cast<int>(problem_.users.size());
      SchedulingUser& added = problem_.users.emplace_back();
      added.share = user.share;
      added.most_slots = user.most_slots;
      for (const v1::DeviceKind device : {v1::DEVICE_KIND_CPU, v1::DEVICE_KIND_CUDA}) {
        added.recent[device] = user.usage.RecentAt(device, problem_.now_unix_ms);
      }
    }
  }

  void AddRunning() {
    for (const auto& [order, gang] : state_.active_gangs()) {
      running_places_[gang] = static_cast<int>(problem_.running.size());
      built_.running.push_back(gang);
      RunningGang& added = problem_.running.emplace_back();
      added.gang_id = gang->gang.gang_id();
      added.user = user_places_[gang->sweep->user];
      added.priority = gang->sweep->spec.scheduling().priority();
      added.placed_unix_ms = gang->placed_unix_ms;
      added.end_unix_ms = facts_.end_unix_ms(*gang);
    }
  }

  void AddSlots() {
    problem_.slots = facts_.slots;
    absl::string_view worker;
    const State::SlotGangs* occupied = nullptr;
    for (int i = 0; i < static_cast<int>(problem_.slots.size()); ++i) {
      OfferedSlot& slot = problem_.slots[i];
      if (i == 0 || slot.worker != worker) {
        worker = slot.worker;
        const auto found = state_.occupied_slots().find(worker);
        occupied = found == state_.occupied_slots().end() ? nullptr : &found->second;
      }
      if (occupied == nullptr) continue;
      const auto gang = occupied->find(slot.slot);
      if (gang == occupied->end()) continue;
      slot.use = SlotUse::kHeld;
      problem_.running[running_places_[gang->second]].slots.push_back(i);
    }
  }

  void AddWaiting() {
    problem_.waiting.reserve(state_.queued_gangs().size());
    built_.waiting.reserve(state_.queued_gangs().size());
    for (const auto& [order, gang] : state_.queued_gangs()) {
      built_.waiting.push_back(gang);
      WaitingGang& added = problem_.waiting.emplace_back();
      added.gang_id = gang->gang.gang_id();
      added.user = user_places_[gang->sweep->user];
      added.priority = gang->sweep->spec.scheduling().priority();
      added.ranks_wanted = gang->gang.ranks_wanted();
      if (gang->gang.has_estimate()) added.work = WorkOf(gang->gang.estimate(), gang->gang.run_ids_size());
      added.demand = DemandOf(*gang, added.least_ranks());
      if (!BackoffHasPassed(gang->gang.not_before_unix_ms(), problem_.now_unix_ms)) {
        added.not_ready = v1::WAIT_REASON_BACKING_OFF;
        added.ready_unix_ms = gang->gang.not_before_unix_ms();
      } else if (gang->gang.attempt() > 0 && !facts_.previous_ranks_are_gone(*gang)) {
        added.not_ready = v1::WAIT_REASON_RANKS_STOPPING;
      }
    }
  }

  // Gangs of a sweep come one after another and mostly want the same.
  int DemandOf(const GangRecord& gang, int ranks) {
    const int64_t memory = gang.gang.has_estimate() ? RankMemoryBytes(gang.gang.estimate(), ranks) : 0;
    const Labels* labels = &gang.sweep->labels;
    if (problem_.demands.empty() || *problem_.demands.back().labels != *labels ||
        problem_.demands.back().memory_bytes != memory) {
      problem_.demands.push_back({memory, labels});
    }
    return static_cast<int>(problem_.demands.size()) - 1;
  }

  const State& state_;
  const ClusterFacts& facts_;
  StateProblem built_;
  SchedulingProblem& problem_ = built_.problem;
  absl::flat_hash_map<const UserRecord*, int> user_places_;
  absl::flat_hash_map<const GangRecord*, int> running_places_;
};

}  // namespace

StateProblem ProblemOf(const State& state, const ClusterFacts& facts, int64_t now_unix_ms,
                       const SchedulingOptions& options) {
  return Builder(state, facts, now_unix_ms, options).Build();
}

bool BackoffHasPassed(int64_t not_before_unix_ms, int64_t now_unix_ms) {
  const int64_t wait = not_before_unix_ms - now_unix_ms;
  return wait <= 0 || wait > kLongestBackoffMs;
}

}  // namespace seedbed
