// What a rank tells its worker about a status that it can't go on with.
#ifndef SEEDBED_WORKER_TRAINER_FAILURE_H_
#define SEEDBED_WORKER_TRAINER_FAILURE_H_

#include <functional>

#include "absl/status/status.h"
#include "seedbed/v1/run.pb.h"

namespace seedbed {

// The same status, known to be of a disk: whatever its code, FailureOf makes FAILURE_KIND_IO of it.
absl::Status AsIoFailure(absl::Status status);

// By code:
//   INVALID_ARGUMENT, NOT_FOUND, OUT_OF_RANGE, FAILED_PRECONDITION, DATA_LOSS   USER_ERROR
//   RESOURCE_EXHAUSTED, PERMISSION_DENIED                                       IO
//   UNAVAILABLE, DEADLINE_EXCEEDED (of the collectives)                         RANK_DIED, "lost contact ..."
//   ABORTED (of a step)                                                         NOT_FINITE
//   anything else                                                               INTERNAL
// The message is one line.
v1::Failure FailureOf(const absl::Status& status, int rank);

// Calls `action`; what it throws (LibTorch's exceptions, out of memory) becomes INTERNAL with the first line of its
// message.
absl::Status CatchExceptions(const std::function<absl::Status()>& action);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_FAILURE_H_
