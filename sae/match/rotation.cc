#include "sae/match/rotation.h"

#include <cmath>

#include "common/random.h"

namespace seedbed {
namespace {

constexpr uint64_t kSeed = 0x5EEDBED;

void WalshHadamard(int64_t size, double* values) {
  for (int64_t half = 1; half < size; half *= 2) {
    for (int64_t first = 0; first < size; first += 2 * half) {
      for (int64_t q = first; q < first + half; ++q) {
        const double sum = values[q] + values[q + half];
        values[q + half] = values[q] - values[q + half];
        values[q] = sum;
      }
    }
  }
}

}  // namespace

Rotation::Rotation(int64_t width) : width_(width), block_(1) {
  while (2 * block_ <= width_) block_ *= 2;
  SplitMix64 random(kSeed);
  const double magnitude = 1 / std::sqrt(static_cast<double>(block_));
  for (int64_t i = 0; i < kPasses * block_; ++i) signs_.push_back(random.Below(2) == 0 ? magnitude : -magnitude);
}

void Rotation::Apply(double* row) const {
  const double* signs = signs_.data();
  for (int pass = 0; pass < kPasses; ++pass, signs += block_) {
    double* block = pass % 2 == 0 ? row : row + (width_ - block_);
    for (int64_t q = 0; q < block_; ++q) block[q] *= signs[q];
    WalshHadamard(block_, block);
  }
}

}  // namespace seedbed
