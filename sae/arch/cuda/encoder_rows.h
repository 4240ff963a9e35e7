// What the encoder's product reads: rows in the type that it computes with.
#ifndef SEEDBED_SAE_ARCH_CUDA_ENCODER_ROWS_H_
#define SEEDBED_SAE_ARCH_CUDA_ENCODER_ROWS_H_

#include <cstdint>

#include "sae/arch/sae_config.h"

namespace seedbed {

// [rows, width] in float32 and, where the product computes with it, in bfloat16. Nothing is owned.
struct EncoderRows {
  const float* values = nullptr;
  const uint16_t* bfloat16 = nullptr;  // nullptr = the product reads `values`.
  int64_t width = 0;

  int64_t element_bytes() const {
    return bfloat16 == nullptr ? static_cast<int64_t>(sizeof(float)) : static_cast<int64_t>(sizeof(uint16_t));
  }
  // From row `first` on.
  const void* From(int64_t first) const {
    if (bfloat16 == nullptr) return values + first * width;
    return bfloat16 + first * width;
  }
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_ENCODER_ROWS_H_
