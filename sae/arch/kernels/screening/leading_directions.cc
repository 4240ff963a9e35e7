#include "sae/arch/kernels/screening/leading_directions.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/random.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

constexpr int kIterations = 3;
constexpr uint64_t kSeed = 0x5EEDBED;

// Makes row i orthogonal to those before it and of unit norm, or 0.
void Orthonormalise(int64_t i, int64_t width, float* directions) {
  float* row = directions + i * width;
  const float before = std::sqrt(Dot(row, row, width));
  for (int pass = 0; pass < 2; ++pass) {  // The second takes what rounding left.
    for (int64_t j = 0; j < i; ++j) {
      const float* other = directions + j * width;
      AddScaled(other, -Dot(row, other, width), width, row);
    }
  }
  const float after = std::sqrt(Dot(row, row, width));
  const float factor = 1 / after;
  if (!std::isfinite(factor) || !std::isfinite(before) || after <= 1e-4f * before) {
    std::fill(row, row + width, 0.0f);
    return;
  }
  for (int64_t q = 0; q < width; ++q) row[q] *= factor;
  // Not so where the squares were too small for float32.
  if (!(std::abs(Dot(row, row, width) - 1) < 1e-3f)) std::fill(row, row + width, 0.0f);
}

}  // namespace

void LeadingDirections(const float* rows, int64_t row_count, int64_t width, int64_t count, float* directions) {
  std::vector<uint32_t> all(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) all[static_cast<size_t>(i)] = static_cast<uint32_t>(i);
  // Random mixtures of the rows: in their span, padding included.
  SplitMix64 random(kSeed);
  std::vector<float> weights(static_cast<size_t>(count));
  for (int iteration = 0; iteration <= kIterations; ++iteration) {
    std::vector<float> sums(static_cast<size_t>(count * width), 0.0f);
    for (int64_t row = 0; row < row_count; ++row) {
      const float* x = rows + row * width;
      if (iteration == 0) {
        for (float& weight : weights) weight = static_cast<float>(random.Uniform() - 0.5);
      } else {
        DotRows(x, all.data(), count, directions, width, weights.data());
      }
      for (int64_t i = 0; i < count; ++i) AddScaled(x, weights[static_cast<size_t>(i)], width, sums.data() + i * width);
    }
    std::copy(sums.begin(), sums.end(), directions);
    for (int64_t i = 0; i < count; ++i) Orthonormalise(i, width, directions);
  }
}

}  // namespace seedbed
