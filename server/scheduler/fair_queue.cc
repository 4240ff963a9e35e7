#include "server/scheduler/fair_queue.h"

#include <algorithm>

namespace seedbed {

FairQueue::FairQueue(const SchedulingProblem& problem, const Cluster& cluster)
    : problem_(problem), cluster_(cluster), held_(problem.users.size()), held_total_(problem.users.size()) {
  for (const RunningGang& gang : problem.running) {
    for (const int slot : gang.slots) ++held_[gang.user][problem.slots[slot].device];
    held_total_[gang.user] += static_cast<int>(gang.slots.size());
  }
  for (int i = 0; i < static_cast<int>(problem.waiting.size()); ++i) {
    const WaitingGang& gang = problem.waiting[i];
    levels_[gang.priority].lines[gang.user].gangs.push_back(i);
  }
  for (auto& [priority, level] : levels_) {
    for (const auto& [user, line] : level.lines) level.order.insert(KeyOf(user, line));
  }
}

double FairQueue::UsageOf(int user) const {
  double dominant = 0;
  for (const v1::DeviceKind device : {v1::DEVICE_KIND_CPU, v1::DEVICE_KIND_CUDA}) {
    const double slots = problem_.users[user].recent[device] + held_[user][device];
    dominant = std::max(dominant, slots / std::max(1, cluster_.live(device)));
  }
  return dominant / problem_.users[user].share;
}

int FairQueue::Pop() {
  while (!levels_.empty() && levels_.begin()->second.order.empty()) levels_.erase(levels_.begin());
  if (levels_.empty()) return -1;
  Level& level = levels_.begin()->second;
  const auto [usage, gang, user] = *level.order.begin();
  level.order.erase(level.order.begin());
  Line& line = level.lines[user];
  if (++line.next < line.gangs.size()) level.order.emplace(usage, line.gangs[line.next], user);
  return gang;
}

void FairQueue::Charge(int user, v1::DeviceKind device, int slots) {
  std::vector<Level*> waits_in;
  for (auto& [priority, level] : levels_) {
    const auto line = level.lines.find(user);
    if (line == level.lines.end() || line->second.next == line->second.gangs.size()) continue;
    level.order.erase(KeyOf(user, line->second));
    waits_in.push_back(&level);
  }
  held_[user][device] += slots;
  held_total_[user] += slots;
  for (Level* level : waits_in) level->order.insert(KeyOf(user, level->lines[user]));
}

}  // namespace seedbed
