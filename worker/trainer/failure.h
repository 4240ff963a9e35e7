// What a rank tells its worker about a status that it can't go on with.
#ifndef SEEDBED_WORKER_TRAINER_FAILURE_H_
#define SEEDBED_WORKER_TRAINER_FAILURE_H_

#include <functional>

#include "absl/status/status.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// The same status, of which FailureOf makes that kind, whatever its code.
absl::Status AsFailureOf(v1::FailureKind kind, absl::Status status);
// The same of FAILURE_KIND_IO: it is known to be of a disk.
absl::Status AsIoFailure(absl::Status status);

// By code:
//   INVALID_ARGUMENT, NOT_FOUND, OUT_OF_RANGE, FAILED_PRECONDITION              USER_ERROR
//   DATA_LOSS (a checksum or a length that is not what was stated)              DAMAGED_INPUT
//   RESOURCE_EXHAUSTED, PERMISSION_DENIED                                       IO
//   UNAVAILABLE (of the collectives)                                            RANK_DIED, "lost contact ..."
//   DEADLINE_EXCEEDED (of the collectives)                                      HUNG_COLLECTIVE, "lost contact ..."
//   ABORTED (of a step)                                                         NOT_FINITE
//   anything else                                                               INTERNAL
// The message is one line.
v1::Failure FailureOf(const absl::Status& status, int rank);

// Calls `action`; what it throws (LibTorch's exceptions) becomes INTERNAL with the first line of its message, and of
// FAILURE_KIND_OUT_OF_MEMORY where memory of the CPU or of a GPU gave out.
absl::Status CatchExceptions(const std::function<absl::Status()>& action);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_FAILURE_H_
