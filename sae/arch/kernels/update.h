// Gradients of a sparse step and the Adam update, latent by latent.
#ifndef SEEDBED_SAE_ARCH_KERNELS_UPDATE_H_
#define SEEDBED_SAE_ARCH_KERNELS_UPDATE_H_

#include <cstdint>

#include "sae/arch/kernels/latent_order.h"
#include "sae/train/adam.h"

namespace seedbed {

// Latents in one piece of a loop over latents.
inline constexpr int64_t kLatentsInPiece = 8;
inline constexpr int64_t kLatentsInSumPiece = 64;

// A parameter and its Adam moments.
struct AdamState {
  float* parameter;
  float* moment1;
  float* moment2;
};

// bias_gradient[i] = the sum of latent i's gradients, which is the gradient by encoder.bias. Adds, piece by piece,
// -sum_i bias_gradient[i] encoder[i] to `input_gradient` [width]: what b_dec gets through x - b_dec. `partial` is
// scratch of [PieceCount(latents, kLatentsInSumPiece), width].
void BiasGradients(const LatentEntries& entries, const float* encoder, int64_t latents, int64_t width, float* partial,
                   float* bias_gradient, float* input_gradient);

struct LatentUpdate {
  int64_t latents;
  int64_t width;
  AdamUpdate adam;
  const LatentEntries* entries;
  const float* centered;            // [rows, width]: x - b_dec.
  const float* output_gradient;     // [rows, width]: dL/dx_hat.
  const LatentEntries* auxiliary;   // nullptr = there was no auxiliary pass.
  const float* auxiliary_gradient;  // [rows, width]: dL/de_hat.
  AdamState encoder;                // [latents, width]
  AdamState decoder;                // [latents, width]; its rows have unit norm, before and after.
  float* scratch;                   // [LoopThreads(), width]
};

// One optimiser step on W_enc and W_dec. For latent i, with the sums over its entries:
//   dL/dW_enc[i] = sum gradient (x - b_dec)
//   dL/dW_dec[i] = sum activation dL/dx_hat + sum auxiliary activation dL/de_hat, less its component along W_dec[i]
// Each gradient lives as one row in a thread's cache and is used up at once.
void UpdateLatents(const LatentUpdate& update);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_UPDATE_H_
