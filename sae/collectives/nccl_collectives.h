// Collectives between NVIDIA GPUs.
#ifndef SEEDBED_SAE_COLLECTIVES_NCCL_COLLECTIVES_H_
#define SEEDBED_SAE_COLLECTIVES_NCCL_COLLECTIVES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "sae/collectives/collectives.h"

namespace seedbed {

// FAILED_PRECONDITION in a build without NCCL.
absl::StatusOr<std::unique_ptr<Collectives>> JoinNcclGroup(const GroupOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_NCCL_COLLECTIVES_H_
