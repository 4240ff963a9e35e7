// What every architecture refuses in a step, in the same words.
#ifndef SEEDBED_SAE_ARCH_STEP_CHECKS_H_
#define SEEDBED_SAE_ARCH_STEP_CHECKS_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// INVALID_ARGUMENT unless `batch` is float32 [rows >= 1, d_in], contiguous, on `device`.
absl::Status CheckBatch(const at::Tensor& batch, int64_t d_in, at::Device device);

// ABORTED: "step 7: the batch has the total variance 0, needed is ...". `step` counts from 1.
absl::Status CheckTotalVariance(int64_t step, double total_variance);

// ABORTED: "step 7: the WHAT is not finite".
absl::Status NotFinite(int64_t step, absl::string_view what);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_STEP_CHECKS_H_
