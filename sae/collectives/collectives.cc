#include "sae/collectives/collectives.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/collectives/gloo_collectives.h"
#include "sae/collectives/nccl_collectives.h"

namespace seedbed {

absl::Status Collectives::Leave() {
  RETURN_IF_ERROR(Barrier());
  // A rank that is told of a closed connection before it has looked at what came over it takes that for an error. So
  // nobody closes anything before all are past the first barrier, and the second one may fail.
  Barrier().IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Collectives>> JoinGroup(const GroupOptions& options) {
  if (options.world_size < 1 || options.rank < 0 || options.rank >= options.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", options.rank, " of world size ", options.world_size, ": ranks are 0 to world size - 1"));
  }
  if (options.world_size == 1) return MakeLocalCollectives();
  if (options.device == "cpu") return JoinGlooGroup(options);
  if (absl::StartsWith(options.device, "cuda:")) return JoinNcclGroup(options);
  return absl::InvalidArgumentError(absl::StrCat("device \"", options.device, "\": allowed are cpu and cuda:N"));
}

}  // namespace seedbed
