// A fixed orthogonal map that spreads what is concentrated in a few coordinates over many.
#ifndef SEEDBED_SAE_MATCH_ROTATION_H_
#define SEEDBED_SAE_MATCH_ROTATION_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// Walsh-Hadamard transforms of coordinates with random signs: of the first 2^k, then of the last 2^k, where 2^k is the
// largest power of two that is at most the width, and both once more, so that every coordinate reaches every other.
// Orthogonal up to the rounding of float64, so dot products stay. Ailon & Chazelle 2009 ("The fast
// Johnson-Lindenstrauss transform"). Signs come from a fixed seed. Immutable.
class Rotation {
 public:
  explicit Rotation(int64_t width);

  // `row` has `width` elements.
  void Apply(double* row) const;

 private:
  static constexpr int kPasses = 4;

  int64_t width_;
  int64_t block_;
  std::vector<double> signs_;  // [kPasses, block], divided by the root of the block.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_ROTATION_H_
