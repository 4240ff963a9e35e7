#include "sae/arch/step_checks.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace seedbed {

absl::Status CheckBatch(const at::Tensor& batch, int64_t d_in, at::Device device) {
  if (batch.dim() != 2 || batch.size(0) < 1 || batch.size(1) != d_in) {
    return absl::InvalidArgumentError(absl::StrCat("the batch has the shape [", absl::StrJoin(batch.sizes(), ", "),
                                                   "], needed is [1 or more, ", d_in, "]"));
  }
  if (batch.scalar_type() != at::kFloat || !batch.is_contiguous() || batch.device() != device) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the batch is ", c10::toString(batch.scalar_type()), batch.is_contiguous() ? "" : ", not contiguous", ", on ",
        batch.device().str(), "; needed is Float, contiguous, on ", device.str()));
  }
  return absl::OkStatus();
}

absl::Status CheckTotalVariance(int64_t step, double total_variance) {
  if (std::isfinite(total_variance) && total_variance > 0) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("step ", step, ": the batch has the total variance ", total_variance,
                                         ", needed is a finite number above 0"));
}

absl::Status NotFinite(int64_t step, absl::string_view what) {
  return absl::AbortedError(absl::StrCat("step ", step, ": the ", what, " is not finite"));
}

}  // namespace seedbed
