// The scheduling problem that a state and the workers' slots pose.
#ifndef SEEDBED_SERVER_SCHEDULER_STATE_PROBLEM_H_
#define SEEDBED_SERVER_SCHEDULER_STATE_PROBLEM_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "server/scheduler/scheduling_problem.h"
#include "server/state/state.h"

namespace seedbed {

// What the state does not know.
struct ClusterFacts {
  // Of the workers that can be given work, those of one worker together. `use` is STOPPING where a rank is on the slot,
  // whatever the state says of it.
  std::vector<OfferedSlot> slots;
  // Whether no rank of the gang's latest attempt can still be running, so that the next one may start.
  std::function<bool(const GangRecord&)> previous_ranks_are_gone;
  // When the gang, which runs, will end; nullopt = not known.
  std::function<std::optional<int64_t>(const GangRecord&)> end_unix_ms;
};

struct StateProblem {
  SchedulingProblem problem;
  std::vector<const GangRecord*> running;  // In the order of problem.running.
  std::vector<const GangRecord*> waiting;  // In the order of problem.waiting.
};

// Borrows from both for as long as neither changes.
StateProblem ProblemOf(const State& state, const ClusterFacts& facts, int64_t now_unix_ms,
                       const SchedulingOptions& options);

// Whether a back-off is over. One that ends further away than any back-off lasts shows that the wall clock was set
// back.
bool BackoffHasPassed(int64_t not_before_unix_ms, int64_t now_unix_ms);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_STATE_PROBLEM_H_
