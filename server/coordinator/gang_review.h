// What the newest reports of a gang's workers mean for its runs.
#ifndef SEEDBED_SERVER_COORDINATOR_GANG_REVIEW_H_
#define SEEDBED_SERVER_COORDINATOR_GANG_REVIEW_H_

#include <cstdint>

#include "absl/time/time.h"
#include "server/coordinator/decision.h"
#include "server/coordinator/worker_table.h"
#include "server/state/state.h"

namespace seedbed {

struct ReviewTime {
  absl::Duration monotonic;
  int64_t unix_ms = 0;
};

// Adds to `decision` what follows from what the workers say of an active gang's current attempt, and nothing where
// that is known already, so that reports may come late, twice or not at all:
// * runs that took a step, took their last one, or ended;
// * the end of the attempt, when every run and every rank of it has ended, when a rank failed, or when a worker is
//   lost. The retry policy decides whether its unended runs are tried again or fail.
// What workers say of other attempts counts for nothing.
void ReviewGang(const GangRecord& gang, const WorkerTable& workers, const ReviewTime& now, Decision& decision);

// Whether no rank of the gang's latest attempt can still be running, so that the next one may start.
bool PreviousRanksAreGone(const GangRecord& gang, const WorkerTable& workers, absl::Duration now);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_GANG_REVIEW_H_
