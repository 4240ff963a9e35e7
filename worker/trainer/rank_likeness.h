// Whether all ranks of a gang read the same stream and compute it alike.
#ifndef SEEDBED_WORKER_TRAINER_RANK_LIKENESS_H_
#define SEEDBED_WORKER_TRAINER_RANK_LIKENESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/collectives/collectives.h"
#include "worker/trainer/stream_inputs.h"

namespace seedbed {

// Every rank calls it at the same time, with its own identity. FAILED_PRECONDITION, on every rank the same, naming the
// first rank and the entry that differs from rank 0's, with both values. Errors of the collectives.
absl::Status CheckRanksAlike(Collectives& collectives, const StreamIdentity& mine);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_RANK_LIKENESS_H_
