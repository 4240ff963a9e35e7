#include "sae/arch/kernels/screening/quantised_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

// More than a float32 sum of squares of less than 2^16 elements in sixteen lanes, its root and its use can lose.
constexpr float kRoundedUp = 1 + 1e-3f;

}  // namespace

float LargestMagnitude(const float* row, int64_t width) {
  constexpr int kLanes = 16;
  float largest[kLanes] = {};
  float zeros[kLanes] = {};  // Becomes NaN in a lane that has met what is not finite.
  for (int64_t q = 0; q < width; q += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float magnitude = std::abs(row[q + lane]);
      largest[lane] = magnitude > largest[lane] ? magnitude : largest[lane];
      zeros[lane] += magnitude * 0;
    }
  }
  for (int lane = 1; lane < kLanes; ++lane) {
    largest[0] = std::max(largest[0], largest[lane]);
    zeros[0] += zeros[lane];
  }
  return zeros[0] == 0 ? largest[0] : std::numeric_limits<float>::infinity();
}

float NormAtLeast(const float* row, int64_t width) { return std::sqrt(Dot(row, row, width)) * kRoundedUp; }

QuantisedRow QuantiseRow(int64_t width, int32_t levels, float* row, int8_t* quantised) {
  // Rounds to an integer when added to a float of at most 2^22: 1.5 * 2^23 leaves no bits for a fraction.
  constexpr float kToInteger = 12582912;
  QuantisedRow result;
  const float largest = LargestMagnitude(row, width);
  const auto most = static_cast<float>(levels);
  result.scale = largest / most;
  // A scale whose inverse would overflow belongs to a row without a weight in any sum.
  const float inverse = result.scale > 1e-30f ? 1 / result.scale : 0.0f;
  int32_t squares = 0;
  int32_t sum = 0;
  for (int64_t q = 0; q < width; ++q) {
    float rounded = (row[q] * inverse + kToInteger) - kToInteger;
    rounded = rounded > most ? most : rounded;
    rounded = rounded < -most ? -most : rounded;
    const auto value = static_cast<int32_t>(rounded);
    quantised[q] = static_cast<int8_t>(value);
    sum += value;
    squares += value * value;
    row[q] -= result.scale * rounded;
  }
  result.sum = sum;
  result.norm = result.scale * std::sqrt(static_cast<float>(squares)) * kRoundedUp;
  result.error_norm = NormAtLeast(row, width);
  return result;
}

}  // namespace seedbed
