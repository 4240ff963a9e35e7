// What candidates are compared by: unsigned numbers in the order of the ranks.
#ifndef SEEDBED_SAE_ARCH_CUDA_RANK_KEYS_CUH_
#define SEEDBED_SAE_ARCH_CUDA_RANK_KEYS_CUH_

#include <cstdint>

#include "sae/arch/cuda/row_selection.h"

namespace seedbed {

// A larger key is a larger rank; 0 = no candidate.
struct RankedActivation {
  uint32_t key;
  float value;
};

// Ascends with every number, from 1.
__device__ inline uint32_t SignedKey(float rank) {
  constexpr uint32_t kSign = 0x80000000u;
  const uint32_t bits = __float_as_uint(rank + 0.0f);  // -0 is 0.
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

__device__ inline RankedActivation RankedAt(const DevicePreActivations& pre, const float* row, int64_t column) {
  const int64_t latent = pre.column_latents == nullptr ? column : pre.column_latents[column];
  const float sum = row[column] + pre.bias[latent];
  const float value = pre.negative || sum > 0 ? sum : 0.0f;
  const float rank = pre.norms == nullptr ? value : value * pre.norms[latent];
  const bool is_allowed = pre.allowed == nullptr || pre.allowed[latent] != 0;
  if (!is_allowed || isnan(rank)) return {0, value};
  if (pre.negative) return {SignedKey(rank), value};
  return {rank > 0 ? __float_as_uint(rank) : 0u, value};
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_RANK_KEYS_CUH_
