// What relu, gated and jumprelu have in common for the kernels: activations that a bound of each latent's own lets
// through, and a penalty on them. Formulas: sae/arch/relu.cc, gated.cc, jumprelu.cc.
#ifndef SEEDBED_SAE_ARCH_KERNELS_PENALIZED_LATENTS_H_
#define SEEDBED_SAE_ARCH_KERNELS_PENALIZED_LATENTS_H_

#include <cstdint>

namespace seedbed {

enum class PenalizedKind { kRelu, kGated, kJumprelu };

// With y = W_enc c of a row and latent, the value f is what is decoded to x_hat, and the gate g is
//   relu      none
//   gated     relu(y + b_gate), decoded to a reconstruction of its own
//   jumprelu  1 where y + b_enc lies in the band around the threshold, 0 elsewhere
struct PenalizedLatents {
  PenalizedKind kind = PenalizedKind::kRelu;
  int64_t count = 0;                      // n
  const float* bias = nullptr;            // [n]: b_enc, of gated b_gate.
  const float* magnitude_bias = nullptr;  // [n], gated.
  const float* magnitude = nullptr;       // [n], gated: exp(r_mag).
  const float* threshold = nullptr;       // [n], jumprelu.
  float half_band = 0;                    // Jumprelu: half the bandwidth.
  bool counts_active_alone = false;       // Jumprelu: g is 0, too, where y + b_enc is not above the threshold.
  // [n], relu and gated: the derivative of the penalty by f or g where it is positive. nullptr = 0.
  const float* penalty = nullptr;
};

// Sums over a batch's rows, [n] each; those that a kind has no use for stay as they are.
struct LatentSums {
  float* active = nullptr;        // Of [f != 0]; of jumprelu of [y + b_enc > threshold].
  float* penalized = nullptr;     // Of f (relu), g (gated, jumprelu).
  float* pre_gradient = nullptr;  // Of dL/dy.
  float* gate = nullptr;          // Gated: of dL/dg, the gradient by b_gate.
  float* inner = nullptr;         // Of dL/df where f > 0 (gated: the gradient by b_mag) or in the band (jumprelu).
  float* magnitude = nullptr;     // Gated: the gradient by r_mag.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_PENALIZED_LATENTS_H_
