#include "worker/trainer/float_types.h"

namespace seedbed {

std::optional<at::ScalarType> ScalarTypeOf(v1::FloatType type) {
  switch (type) {
    case v1::FLOAT_TYPE_FLOAT32:
      return at::kFloat;
    case v1::FLOAT_TYPE_BFLOAT16:
      return at::kBFloat16;
    case v1::FLOAT_TYPE_FLOAT16:
      return at::kHalf;
    default:
      return std::nullopt;
  }
}

absl::string_view NameOf(at::ScalarType type) {
  if (type == at::kBFloat16) return "bfloat16";
  return type == at::kHalf ? "float16" : "float32";
}

}  // namespace seedbed
