#include "server/scheduler/scheduling_pass.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/scheduler/fair_queue.h"
#include "server/scheduler/preemption.h"
#include "server/scheduler/reservations.h"

namespace seedbed {
namespace {

constexpr v1::DeviceKind kByPreference[] = {v1::DEVICE_KIND_CUDA, v1::DEVICE_KIND_CPU};

class Pass {
 public:
  explicit Pass(const SchedulingProblem& problem)
      : problem_(problem),
        cluster_(problem.slots, problem.demands),
        queue_(problem, cluster_),
        reservations_(problem, cluster_),
        victims_(problem, cluster_),
        quota_reached_(problem.users.size()) {
    schedule_.waits.resize(problem.waiting.size());
    gangs_left_ = static_cast<int>(std::count_if(problem.waiting.begin(), problem.waiting.end(), IsReady));
  }

  Schedule Run() {
    for (int gang = queue_.Pop(); gang >= 0; gang = queue_.Pop()) {
      schedule_.waits[gang] = Consider(gang);
      if (IsReady(problem_.waiting[gang])) --gangs_left_;
    }
    return std::move(schedule_);
  }

 private:
  static bool IsReady(const WaitingGang& gang) { return gang.not_ready == v1::WAIT_REASON_UNSPECIFIED; }

  Wait Consider(int index) {
    const WaitingGang& gang = problem_.waiting[index];
    if (!IsReady(gang)) return {gang.not_ready, 0, gang.ready_unix_ms};
    int live = 0;
    for (const v1::DeviceKind device : kByPreference) {
      const int pool = cluster_.PoolOf(gang.demand, device);
      if (pool >= 0) live = std::max(live, cluster_.live(pool));
    }
    if (live < gang.least_ranks()) return {v1::WAIT_REASON_NO_SUCH_SLOTS, live};
    if (const std::optional<Wait> quota = CheckQuota(gang); quota.has_value()) return *quota;
    for (const v1::DeviceKind device : kByPreference) {
      if (TryPlace(index, device)) return {v1::WAIT_REASON_STARTING};
    }
    return Block(index);
  }

  // Slots that the gang's user may hold beyond those of now.
  int LeftOfQuota(const WaitingGang& gang) const {
    const int most = problem_.users[gang.user].most_slots;
    return most == 0 ? static_cast<int>(problem_.slots.size()) : std::max(0, most - queue_.held(gang.user));
  }

  std::optional<Wait> CheckQuota(const WaitingGang& gang) {
    const int most = problem_.users[gang.user].most_slots;
    if (most == 0) return std::nullopt;
    if (gang.least_ranks() > most) return Wait{v1::WAIT_REASON_QUOTA_TOO_SMALL, most};
    const int left = LeftOfQuota(gang);
    if (quota_reached_[gang.user] || gang.least_ranks() > left) {
      quota_reached_[gang.user] = true;
      return Wait{v1::WAIT_REASON_QUOTA_REACHED, left};
    }
    return std::nullopt;
  }

  // The most ranks that the gang should have now, of which it has at least one.
  int MostRanks(const WaitingGang& gang, int pool) const {
    if (gang.ranks_wanted > 0) return gang.ranks_wanted;
    const int share = std::max(1, cluster_.free(pool) / std::max(1, gangs_left_));
    const int most = std::min({share, std::max(1, problem_.options.most_ranks), LeftOfQuota(gang)});
    return BalancedRanks(gang.work, most);
  }

  bool TryPlace(int index, v1::DeviceKind device) {
    const WaitingGang& gang = problem_.waiting[index];
    const int pool = cluster_.PoolOf(gang.demand, device);
    if (pool < 0 || cluster_.free(pool) == 0) return false;
    int ranks = MostRanks(gang, pool);
    std::optional<int64_t> end_unix_ms = EstimatedEnd(problem_, gang.work, device, ranks);
    int allowed = reservations_.Allowed(pool, end_unix_ms);
    if (allowed < ranks && gang.ranks_wanted == 0 && allowed > 0) {
      ranks = BalancedRanks(gang.work, allowed);
      end_unix_ms = EstimatedEnd(problem_, gang.work, device, ranks);
      allowed = reservations_.Allowed(pool, end_unix_ms);
    }
    if (allowed < ranks) return false;
    Placement placement = {index, cluster_.Take(pool, ranks)};
    reservations_.Charge(placement.slots, end_unix_ms);
    queue_.Charge(gang.user, device, ranks);
    schedule_.placements.push_back(std::move(placement));
    return true;
  }

  // It can't be placed: a reservation for it, unless slots that it could have are reserved already.
  Wait Block(int index) {
    const WaitingGang& gang = problem_.waiting[index];
    int available = 0;
    int ahead = -1;
    for (const v1::DeviceKind device : kByPreference) {
      const int pool = cluster_.PoolOf(gang.demand, device);
      if (pool < 0 || cluster_.live(pool) < gang.least_ranks()) continue;
      available = std::max(available, cluster_.free(pool));
      if (ahead < 0) ahead = reservations_.Ahead(pool);
    }
    if (ahead >= 0) return {v1::WAIT_REASON_BEHIND, available, 0, ahead};
    return ReserveFor(index, available);
  }

  Wait ReserveFor(int index, int available) {
    const WaitingGang& gang = problem_.waiting[index];
    const int ranks = gang.least_ranks();
    int best_pool = -1;
    int64_t best_start = kNever;
    for (const v1::DeviceKind device : kByPreference) {
      const int pool = cluster_.PoolOf(gang.demand, device);
      if (pool < 0 || cluster_.live(pool) < ranks) continue;
      if (cluster_.free(pool) + cluster_.stopping(pool) >= ranks || Preempt(index, pool)) {
        reservations_.Reserve(index, pool, ranks, problem_.now_unix_ms);
        return {v1::WAIT_REASON_PREEMPTING, available};
      }
      const int64_t start = reservations_.EarliestStart(pool, ranks);
      if (start < best_start) std::tie(best_pool, best_start) = std::pair(pool, start);
    }
    if (best_pool >= 0) {
      reservations_.Reserve(index, best_pool, ranks, best_start);
      return {v1::WAIT_REASON_NEXT, available, best_start};
    }
    for (const v1::DeviceKind device : kByPreference) {
      const int pool = cluster_.PoolOf(gang.demand, device);
      if (pool >= 0 && cluster_.live(pool) >= ranks) reservations_.Reserve(index, pool, ranks, kNever);
    }
    return {v1::WAIT_REASON_NEXT, available};
  }

  bool Preempt(int index, int pool) {
    if (!problem_.options.preempt) return false;
    const WaitingGang& gang = problem_.waiting[index];
    const std::vector<int> victims = victims_.Choose(pool, gang.least_ranks(), gang.priority);
    for (const int victim : victims) {
      schedule_.preemptions.push_back({victim, index});
      reservations_.Stop(victim);
      for (const int slot : problem_.running[victim].slots) cluster_.BeginStopping(slot);
    }
    return !victims.empty();
  }

  const SchedulingProblem& problem_;
  Cluster cluster_;
  FairQueue queue_;
  Reservations reservations_;
  VictimChooser victims_;
  std::vector<bool> quota_reached_;  // By user.
  int gangs_left_ = 0;               // Ready ones that have not been looked at.
  Schedule schedule_;
};

}  // namespace

Schedule MakeSchedule(const SchedulingProblem& problem) { return Pass(problem).Run(); }

}  // namespace seedbed
