// Scheduling passes of the coordinator: from the state and the newest reports of the workers to events.
#ifndef SEEDBED_SERVER_COORDINATOR_SCHEDULE_PASS_H_
#define SEEDBED_SERVER_COORDINATOR_SCHEDULE_PASS_H_

#include <cstdint>
#include <vector>

#include "server/coordinator/decision.h"
#include "server/coordinator/gang_review.h"
#include "server/coordinator/views.h"
#include "server/coordinator/worker_table.h"
#include "server/scheduler/scheduling_problem.h"
#include "server/scheduler/state_problem.h"
#include "server/state/state.h"

namespace seedbed {

// Slots of the workers that can be given work. Borrows from both for as long as neither changes.
std::vector<OfferedSlot> OfferedSlots(const State& state, const WorkerTable& workers, absl::Duration now);

struct SlotCounts {
  int64_t live = 0;  // On workers that can be given work.
  int64_t free = 0;  // Those of them that no active gang holds and on which no rank runs.
};

SlotCounts CountSlots(const State& state, const WorkerTable& workers, absl::Duration now);

// Borrows from all but `options` for as long as none changes. A gang that runs ends when the last of its runs does, by
// what its ranks say.
StateProblem PoseProblem(const State& state, const WorkerTable& workers, const ProgressByRun& progress,
                         const ReviewTime& now, const SchedulingOptions& options);

// Adds a GangAttemptEnded for each gang that has to give up its slots, and a GangPlaced for each that gets some.
void AddSchedule(const StateProblem& posed, const Schedule& schedule, const WorkerTable& workers, Decision& decision);

// What the schedule says of a waiting gang; of one that is held, that.
v1::GangWait ExplainGang(const StateProblem& posed, const Schedule& schedule, const GangRecord& gang);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_SCHEDULE_PASS_H_
