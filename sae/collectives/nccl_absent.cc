// In place of nccl_collectives.cc where the build has no CUDA.
#include "absl/strings/str_cat.h"
#include "sae/collectives/nccl_collectives.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<Collectives>> JoinNcclGroup(const GroupOptions& options) {
  return absl::FailedPreconditionError(
      absl::StrCat("device ", options.device, ": this build has no NCCL; build with SEEDBED_CUDA=ON or use cpu"));
}

}  // namespace seedbed
