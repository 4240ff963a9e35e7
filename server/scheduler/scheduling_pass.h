// One look at everything that waits and everything that runs.
#ifndef SEEDBED_SERVER_SCHEDULER_SCHEDULING_PASS_H_
#define SEEDBED_SERVER_SCHEDULER_SCHEDULING_PASS_H_

#include "server/scheduler/scheduling_problem.h"

namespace seedbed {

// Which waiting gangs get which free slots (all the slots of a gang at once, or none), and which running ones have to
// give theirs up. Equal problems have equal answers.
//
// * The order is FairQueue's.
// * A gang that wants R ranks gets exactly R slots. A gang that wants 0 gets its share of the free slots, their number
//   over that of the gangs that are still to be looked at, at least 1, at most `most_ranks`, and of those as many as
//   balance its work (BalancedRanks).
// * All slots of a gang are of one device kind, CUDA where both would do, have the memory that its largest rank needs
//   and the labels that it asks for, and lie on as few machines as possible.
// * A gang that would take its user beyond the quota waits, and with it all that the user has behind it.
// * The first gang of a pool that can't be placed gets a reservation (Reservations), where it can be by stopping gangs
//   of a lower priority (VictimChooser), for as soon as these have stopped. Those behind it are only filled in.
Schedule MakeSchedule(const SchedulingProblem& problem);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SCHEDULING_PASS_H_
