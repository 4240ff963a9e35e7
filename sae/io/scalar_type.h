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

// Of every type that a tensor is written in.
inline at::ScalarType ScalarTypeOf(TensorType type) {
  switch (type) {
    case TensorType::kI64:
      return at::kLong;
    case TensorType::kI32:
      return at::kInt;
    case TensorType::kI16:
      return at::kShort;
    case TensorType::kI8:
      return at::kChar;
    case TensorType::kU8:
      return at::kByte;
    case TensorType::kBool:
      return at::kBool;
    default:
      return *FloatScalarType(type);
  }
}

// Absent where the format has no such type.
inline std::optional<TensorType> TensorTypeOf(at::ScalarType type) {
  for (const TensorType known :
       {TensorType::kF64, TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kI64, TensorType::kI32,
        TensorType::kI16, TensorType::kI8, TensorType::kU8, TensorType::kBool}) {
    if (ScalarTypeOf(known) == type) return known;
  }
  return std::nullopt;
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_IO_SCALAR_TYPE_H_
