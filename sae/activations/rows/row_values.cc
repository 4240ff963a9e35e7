#include "sae/activations/rows/row_values.h"

#include <immintrin.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

constexpr int kLanes = 8;

// bfloat16 is the upper half of a float32.
__m256 FloatsOfBFloat16(__m128i halves) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

__m256 FloatsOfFloat16(__m128i halves) { return _mm256_cvtph_ps(halves); }

template <__m256 (*kFloatsOf)(__m128i)>
void HalvesToFloats(const void* values, int64_t count, float scale, float* out) {
  const auto* halves = static_cast<const char*>(values);
  const __m256 factor = _mm256_set1_ps(scale);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(halves + i * sizeof(uint16_t)));
    _mm256_storeu_ps(out + i, _mm256_mul_ps(kFloatsOf(eight), factor));
  }
  const auto rest = static_cast<size_t>(count - i);
  uint16_t last[kLanes] = {};
  float last_floats[kLanes];
  std::memcpy(last, halves + i * sizeof(uint16_t), rest * sizeof(uint16_t));
  const __m128i eight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(last));
  _mm256_storeu_ps(last_floats, _mm256_mul_ps(kFloatsOf(eight), factor));
  std::memcpy(out + i, last_floats, rest * sizeof(float));
}

void ScaleFloats(const void* values, int64_t count, float scale, float* out) {
  if (values != out) std::memcpy(out, values, static_cast<size_t>(count) * sizeof(float));
  if (scale == 1) return;
  for (int64_t i = 0; i < count; ++i) out[i] *= scale;
}

}  // namespace

absl::StatusOr<TensorType> RowTypeOf(at::ScalarType dtype) {
  if (dtype == at::kFloat) return TensorType::kF32;
  if (dtype == at::kBFloat16) return TensorType::kBF16;
  if (dtype == at::kHalf) return TensorType::kF16;
  return absl::InvalidArgumentError(
      absl::StrCat("activations of ", c10::toString(dtype), "; must be Float, BFloat16 or Half"));
}

bool IsRowType(TensorType type) {
  return type == TensorType::kF32 || type == TensorType::kBF16 || type == TensorType::kF16;
}

void ToFloats(TensorType type, const void* values, int64_t count, float scale, float* out) {
  if (type == TensorType::kF32) return ScaleFloats(values, count, scale, out);
  if (type == TensorType::kBF16) return HalvesToFloats<FloatsOfBFloat16>(values, count, scale, out);
  HalvesToFloats<FloatsOfFloat16>(values, count, scale, out);
}

}  // namespace seedbed
