// The order in which waiting gangs are offered slots.
#ifndef SEEDBED_SERVER_SCHEDULER_FAIR_QUEUE_H_
#define SEEDBED_SERVER_SCHEDULER_FAIR_QUEUE_H_

#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "server/scheduler/cluster.h"
#include "server/scheduler/scheduling_problem.h"

namespace seedbed {

// Gangs of a higher priority come first; of one priority those of the user with the least usage; of one user those that
// were submitted first. Of users with equal usage, whose next gang was submitted first.
//
// A user's usage is the dominant share (Ghodsi et al. 2011, "Dominant Resource Fairness") of what the user holds and
// held lately: the largest over device kinds of slots over those that there are, divided by the user's own share.
// What a pass gives away counts at once. Not thread-safe.
class FairQueue {
 public:
  // `problem` and `cluster` are borrowed.
  FairQueue(const SchedulingProblem& problem, const Cluster& cluster);

  // Takes the next gang out of the queue, by its place among the waiting ones; -1 = none is left.
  int Pop();

  // The user got so many slots more.
  void Charge(int user, v1::DeviceKind device, int slots);

  // Slots that the user's gangs hold.
  int held(int user) const { return held_total_[user]; }

 private:
  struct Line {
    std::vector<int> gangs;  // In the order of submission.
    size_t next = 0;
  };
  using Key = std::tuple<double, int, int>;  // (usage, next gang, user)
  struct Level {
    std::map<int, Line> lines;  // By user.
    std::set<Key> order;        // Of the users whose line is not at its end.
  };

  double UsageOf(int user) const;
  Key KeyOf(int user, const Line& line) const { return {UsageOf(user), line.gangs[line.next], user}; }

  const SchedulingProblem& problem_;
  const Cluster& cluster_;
  std::vector<ByDevice<int>> held_;
  std::vector<int> held_total_;
  std::map<int, Level, std::greater<int>> levels_;  // By priority.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_FAIR_QUEUE_H_
