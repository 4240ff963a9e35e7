// An encoder whose latents can be ruled out by int8 products.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_ENCODER_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_ENCODER_H_

#include <cstdint>

#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/int8_kernel.h"
#include "sae/arch/kernels/screening/packed_encoder.h"
#include "sae/arch/kernels/screening/row_selection.h"

namespace seedbed {

// Rows that a panel of weights is read for once, and latents whose upper bounds exist for them at once: together they
// stay in a core's second-level cache. Multiples of every kernel's tile.
inline constexpr int64_t kRowsInBlock = 64;
inline constexpr int64_t kLatentsInChunk = 2304;

// Of `latents` rows, whose weights may change from one use to the next. Rows are as in rows.h.
class ScreenedEncoder {
 public:
  // Directions that are split off and treated in float32: few hold much of what activations hold.
  static constexpr int64_t kDirections = 32;

  // width <= kMostDepth. `kernel` must be one that the CPU can run, and outlive it.
  ScreenedEncoder(int64_t latents, int64_t width, const Int8Kernel& kernel);

  // Finds the directions from a sample of rows [count, width] like those to come: at the start, and when the
  // activations change much. Without it nothing is split off. Needs Prepare afterwards.
  void FindDirections(const float* sample, int64_t count);

  // After every change of the weights. encoder [latents, width], bias and norms [latents] are read until the next
  // Prepare. With `norms` that aren't nullptr, none of them negative, an activation's rank is its product with its
  // latent's norm; without, itself.
  void Prepare(const float* encoder, const float* bias, const float* norms);

  const Int8Kernel& kernel() const { return kernel_; }
  const float* directions() const { return directions_.data(); }  // [kDirections, width]
  const PackedEncoder& packed() const { return packed_; }
  // Of the last Prepare.
  const EncoderWeights& weights() const { return weights_; }

  // Turns upper bounds of the activations of `count` latents from `first` on into those of their ranks: rounding is
  // monotonic. Places beyond the last latent stay as they are.
  void RankUpperBounds(int64_t first, int64_t count, float* uppers) const;

 private:
  const int64_t latents_;
  const int64_t width_;
  const Int8Kernel& kernel_;
  AlignedVector<float> directions_;
  PackedEncoder packed_;
  EncoderWeights weights_{};
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_ENCODER_H_
