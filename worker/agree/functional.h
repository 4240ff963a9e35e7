// Functional agreement of dictionaries: how their matched latents' activations correlate on held-out rows.
#ifndef SEEDBED_WORKER_AGREE_FUNCTIONAL_H_
#define SEEDBED_WORKER_AGREE_FUNCTIONAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/agreement/sibling_matchings.h"
#include "sae/inference/sparse_activations.h"

namespace seedbed {

// Rows of the activations that the dictionaries read.
struct HeldOutRows {
  at::Tensor rows;  // Float32 [rows, d_in], on the CPU.
  std::string sha256;  // Of the file.
};

// The tensor "activations" [1 or more, d_in] of a safetensors file, float32, bfloat16 or float16. INVALID_ARGUMENT,
// naming file, what was found and what is allowed, for another shape or type or a value that is not finite.
absl::StatusOr<HeldOutRows> ReadHeldOutRows(const std::string& path, int64_t d_in);

// [latents of a] Of each latent with its counterpart; none as in ActivationCorrelation. Both are of the same rows.
std::vector<std::optional<double>> Correlate(const SparseActivations& a, const SparseActivations& b,
                                             absl::Span<const int32_t> counterpart, int64_t latents_b);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_FUNCTIONAL_H_
