// Some rows of a batch as the int8 kernel reads them.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_QUANTISED_BLOCK_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_QUANTISED_BLOCK_H_

#include <cstdint>
#include <vector>

#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/packed_encoder.h"

namespace seedbed {

// With directions P, components l = P x and remainder r = x - P^T l of a row x, and the int8 copies q(r) and q(w):
//
//   x.w = l.(P w) + r.w
//   |r.w - q(r).q(w)| <= |q(r)| |w - q(w)| + |r - q(r)| |w|
//
// whatever P is: neither need it be orthonormal, nor need w be free of it. The float32 arithmetic on either side and
// that of the dot product which the bound is compared with lose no more than RoundingBound() |w| together.
class QuantisedBlock {
 public:
  // For up to `rows` rows, a multiple of kernel.rows. `kernel` must outlive it.
  QuantisedBlock(int64_t rows, int64_t width, int64_t directions, const Int8Kernel& kernel);

  // Rows [count, rows) become 0. A row that isn't finite, is huge or tiny becomes 0 and is not screenable.
  void Quantise(const float* rows, int64_t count, const float* directions);

  bool screenable(int64_t row) const { return screenable_[static_cast<size_t>(row)] != 0; }

  // What the kernel computes for all rows and one panel goes to out[0, rows) with places [0, kernel.latents).
  void UpperBounds(const PackedEncoder& encoder, int64_t panel, float* out, int64_t out_stride) const;

  // At least the distance of an upper bound from what it bounds.
  float Slack(const PackedEncoder& encoder, int64_t row, int64_t latent, float upper) const;

 private:
  void QuantiseOne(int64_t row, const float* values, const float* directions);

  const int64_t rows_;
  const int64_t width_;
  const int64_t directions_;
  const Int8Kernel* const kernel_;
  std::vector<uint32_t> direction_indices_;
  AlignedVector<int8_t> quantised_;
  AlignedVector<float> remainder_;
  std::vector<float> scales_;
  std::vector<int32_t> starts_;
  std::vector<float> terms_;  // [rows, directions + kEncoderTerms]
  std::vector<uint8_t> screenable_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_QUANTISED_BLOCK_H_
