#include "server/scheduler/preemption.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace seedbed {

VictimChooser::VictimChooser(const SchedulingProblem& problem, const Cluster& cluster)
    : problem_(problem), cluster_(cluster), candidates_(problem.running.size()), chosen_(problem.running.size()) {
  std::iota(candidates_.begin(), candidates_.end(), 0);
  const auto key = [&](int i) {
    const RunningGang& gang = problem_.running[i];
    return std::tuple(gang.priority, -gang.placed_unix_ms, -i);
  };
  std::sort(candidates_.begin(), candidates_.end(), [&](int a, int b) { return key(a) < key(b); });
}

int VictimChooser::SlotsIn(int pool, int running) const {
  const std::vector<int>& slots = problem_.running[running].slots;
  return static_cast<int>(std::count_if(slots.begin(), slots.end(), [&](int slot) {
    return !cluster_.slot(slot).draining && cluster_.Contains(pool, slot);
  }));
}

std::vector<int> VictimChooser::Choose(int pool, int ranks, int priority) {
  int missing = ranks - cluster_.free(pool) - cluster_.stopping(pool);
  std::vector<int> victims;
  for (const int candidate : candidates_) {
    if (missing <= 0) break;
    const RunningGang& gang = problem_.running[candidate];
    if (gang.priority >= priority) break;
    const int slots = SlotsIn(pool, candidate);
    if (slots == 0 || chosen_[candidate]) continue;
    victims.push_back(candidate);
    missing -= slots;
  }
  if (missing > 0) return {};
  // A large one that was taken later may do without smaller ones before it.
  for (int i = static_cast<int>(victims.size()) - 1; i >= 0; --i) {
    const int slots = SlotsIn(pool, victims[i]);
    if (missing + slots > 0) continue;
    missing += slots;
    victims.erase(victims.begin() + i);
  }
  for (const int victim : victims) chosen_[victim] = true;
  return victims;
}

}  // namespace seedbed
