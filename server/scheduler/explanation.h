// Why a gang waits, in words.
#ifndef SEEDBED_SERVER_SCHEDULER_EXPLANATION_H_
#define SEEDBED_SERVER_SCHEDULER_EXPLANATION_H_

#include "absl/strings/string_view.h"
#include "seedbed/v1/coordinator.pb.h"
#include "server/scheduler/scheduling_problem.h"

namespace seedbed {

// `gang` is a place among the waiting ones, `wait` what a pass over the problem said of it.
v1::GangWait ExplainWait(const SchedulingProblem& problem, int gang, const Wait& wait);

// Of a gang whose runs are all held.
v1::GangWait ExplainHeld(absl::string_view gang_id);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_EXPLANATION_H_
