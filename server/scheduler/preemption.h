// Whose slots a gang of a higher priority takes.
#ifndef SEEDBED_SERVER_SCHEDULER_PREEMPTION_H_
#define SEEDBED_SERVER_SCHEDULER_PREEMPTION_H_

#include <vector>

#include "server/scheduler/cluster.h"
#include "server/scheduler/scheduling_problem.h"

namespace seedbed {

// Not thread-safe.
class VictimChooser {
 public:
  // Both are borrowed.
  VictimChooser(const SchedulingProblem& problem, const Cluster& cluster);

  // The running gangs, by their places, that have to stop so that `ranks` slots of the pool are free: those of the
  // lowest priority first, which is below `priority`, and of one priority those that started last; no more of them than
  // are needed. Empty where that is not enough, or where nothing has to stop. A gang is chosen once.
  std::vector<int> Choose(int pool, int ranks, int priority);

 private:
  int SlotsIn(int pool, int running) const;

  const SchedulingProblem& problem_;
  const Cluster& cluster_;
  std::vector<int> candidates_;  // In the order in which they are taken.
  std::vector<bool> chosen_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_PREEMPTION_H_
