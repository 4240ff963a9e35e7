// Activations and their gradients while many latents are active: passes over all of a tile's elements, between the
// matrix products.
#ifndef SEEDBED_SAE_ARCH_KERNELS_DENSE_LATENTS_H_
#define SEEDBED_SAE_ARCH_KERNELS_DENSE_LATENTS_H_

#include <cstdint>

#include "sae/arch/kernels/penalized_latents.h"

namespace seedbed {

// Latents in one piece of a loop over the columns of a tile.
inline constexpr int64_t kColumnsInPiece = 128;

struct DenseTile {
  int64_t rows = 0;
  float* product = nullptr;               // [rows, n]: y. Of jumprelu y + b_enc from Activate on.
  float* values = nullptr;                // [rows, n]: f. Of relu the same memory as `product`.
  float* gates = nullptr;                 // [rows, n], gated: g.
  float* gradients = nullptr;             // [rows, n]: dL/df, of the reconstruction alone; from Backpropagate on dL/dy.
  const float* gate_gradients = nullptr;  // [rows, n], gated: dL/dg, likewise.
};

// From `product` to `values` and `gates`. Adds to sums.active and sums.penalized. A NaN stays one.
void Activate(const PenalizedLatents& latents, const DenseTile& tile, const LatentSums& sums);

// From dL/df and dL/dg to dL/dy, with the penalty's part. Adds to the sums of gradients.
void Backpropagate(const PenalizedLatents& latents, const DenseTile& tile, const LatentSums& sums);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_DENSE_LATENTS_H_
