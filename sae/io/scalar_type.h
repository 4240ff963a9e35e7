// The types of safetensors as LibTorch's.
#ifndef SEEDBED_SAE_IO_SCALAR_TYPE_H_
#define SEEDBED_SAE_IO_SCALAR_TYPE_H_

#include <optional>

#include "c10/core/ScalarType.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// Absent for a type that is not one of floating-point numbers, or one of 8 bits.
inline std::optional<at::ScalarType> FloatScalarType(TensorType type) {
  switch (type) {
    case TensorType::kF64:
      return at::kDouble;
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kF16:
      return at::kHalf;
    case TensorType::kBF16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_IO_SCALAR_TYPE_H_
