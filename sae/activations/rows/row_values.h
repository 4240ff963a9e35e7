// The number formats that rows of activations may have on disk.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_VALUES_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_VALUES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "c10/core/ScalarType.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// F32, BF16 or F16.
bool IsRowType(TensorType type);

// INVALID_ARGUMENT for another type than float32, bfloat16 and float16.
absl::StatusOr<TensorType> RowTypeOf(at::ScalarType dtype);

// Writes `count` values of a row type as float32, exactly, times `scale`. A scale of 1 leaves float32 bits as they are.
// Neither address need be aligned; `out` may be `values` itself where the type is F32.
void ToFloats(TensorType type, const void* values, int64_t count, float scale, float* out);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_VALUES_H_
