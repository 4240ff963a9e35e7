// What every implementation of AllToAll asks of its arguments.
#ifndef SEEDBED_SAE_COLLECTIVES_TRANSFER_CHECKS_H_
#define SEEDBED_SAE_COLLECTIVES_TRANSFER_CHECKS_H_

#include "absl/status/status.h"
#include "sae/collectives/collectives.h"

namespace seedbed {

// INVALID_ARGUMENT, naming rank, argument and tensor, when there is not one list for each rank, a tensor is not
// contiguous or not on `device`, or what the rank sends itself is not what it receives from itself.
absl::Status CheckTransfer(int rank, int world_size, at::Device device, const TensorsByRank& send,
                           const TensorsByRank& receive);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_TRANSFER_CHECKS_H_
