// The encoder's weights as the int8 kernel reads them.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_PACKED_ENCODER_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_PACKED_ENCODER_H_

#include <cstdint>

#include "sae/arch/kernels/screening/aligned_vector.h"
#include "sae/arch/kernels/screening/int8_kernel.h"

namespace seedbed {

// The float32 terms of a latent are its components along the leading directions and, after those,
enum EncoderTerm : int64_t {
  kErrorTerm,  // |w - q(w)|, for |q(x)|
  kNormTerm,   // |w|, for |x - q(x)| and what is lost to rounding
  kBiasTerm,   // its bias with a margin for rounding, for 1
  kEncoderTerms
};

// A latent of whose row or bias nothing can be said (not finite, huge or tiny) has an infinite bias term, and zeros
// besides: nothing rules it out. Places after the last latent have -infinity there.
class PackedEncoder {
 public:
  // `kernel` must outlive it. 4 <= width <= kMostDepth, a multiple of kRowAlignment.
  PackedEncoder(int64_t latents, int64_t width, int64_t directions, const Int8Kernel& kernel);

  // encoder [latents, width] and directions [directions, width]: rows as in rows.h; bias [latents]. One pass over the
  // weights, on LoopThreads() threads.
  void Pack(const float* encoder, const float* bias, const float* directions);

  int64_t panels() const { return panels_; }
  int64_t terms() const { return directions_ + kEncoderTerms; }
  const uint8_t* weights(int64_t panel) const { return weights_.data() + panel * kernel_->latents * width_; }
  const float* scales(int64_t panel) const { return scales_.data() + panel * kernel_->latents; }
  const float* panel_terms(int64_t panel) const { return terms_.data() + panel * kernel_->latents * terms(); }
  float term(EncoderTerm term, int64_t latent) const {
    return panel_terms(latent / kernel_->latents)[(directions_ + term) * kernel_->latents + latent % kernel_->latents];
  }
  // How far the bias term may be above the bias.
  float bias_margin(int64_t latent) const { return bias_margins_[static_cast<size_t>(latent)]; }

 private:
  struct Scratch;
  void PackLatent(int64_t latent, const float* row, float bias, const float* directions, Scratch* scratch);
  void SetTerms(int64_t latent, const float* components, float error_norm, float norm, float bias);
  void Interleave(int64_t latent, const int8_t* quantised);

  const int64_t latents_;
  const int64_t width_;
  const int64_t directions_;
  const Int8Kernel* const kernel_;
  const int64_t panels_;
  AlignedVector<uint8_t> weights_;
  AlignedVector<float> scales_;
  AlignedVector<float> terms_;
  AlignedVector<float> bias_margins_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_PACKED_ENCODER_H_
