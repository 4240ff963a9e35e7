// Gives free slots to waiting gangs, from the state and the newest reports of the workers.
#ifndef SEEDBED_SERVER_COORDINATOR_PLACEMENT_PASS_H_
#define SEEDBED_SERVER_COORDINATOR_PLACEMENT_PASS_H_

#include <vector>

#include "server/coordinator/decision.h"
#include "server/coordinator/gang_review.h"
#include "server/coordinator/worker_table.h"
#include "server/scheduler/placement.h"
#include "server/state/state.h"

namespace seedbed {

struct SlotCensus {
  LiveSlots live;              // On workers that can be given work.
  std::vector<FreeSlot> free;  // Those of them that no active gang holds and on which no rank runs.
};

SlotCensus CountSlots(const State& state, const WorkerTable& workers, absl::Duration now);

// Adds a GangPlaced for each gang that gets slots now. Looks at no more of the queue than the free slots can serve,
// and at gangs that can't be placed yet.
void PlaceWaitingGangs(const State& state, const WorkerTable& workers, const ReviewTime& now,
                       const PlacementOptions& options, Decision& decision);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_PLACEMENT_PASS_H_
