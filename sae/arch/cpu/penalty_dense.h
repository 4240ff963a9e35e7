// The dense step of relu, gated and jumprelu: activations of a tile of rows at a time, by matrix products.
#ifndef SEEDBED_SAE_ARCH_CPU_PENALTY_DENSE_H_
#define SEEDBED_SAE_ARCH_CPU_PENALTY_DENSE_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cpu/prepared_batch.h"
#include "sae/arch/kernels/penalized_latents.h"

namespace seedbed {

struct DenseStep {
  PenalizedLatents latents;
  LatentSums sums;
  const PreparedBatch* batch = nullptr;
  at::Tensor encoder;                // [n, padded width of the input]
  at::Tensor decoder;                // [n, padded width of the target]
  float loss_scale = 0;              // dL/dx_hat = loss_scale (x_hat - target).
  bool gates_teach_decoder = false;  // Gated: whether the decoder learns from what the gates reconstruct.
  at::Tensor output_gradient;        // Out. [rows, padded width of the target]: dL/dx_hat.
  at::Tensor gate_gradient;          // Out, gated. Likewise of what the gates reconstruct.
  at::Tensor encoder_gradient;       // Out. Shaped as the encoder.
  at::Tensor decoder_gradient;       // Out. Shaped as the decoder.
};

struct SquaredErrors {
  double output = 0;  // sum |target - x_hat|^2.
  double gates = 0;   // Gated: the same of what the gates reconstruct.
};

// Runs the tiles of a batch. Holds one tile's memory, so many rows that no [batch, n] exists. Not thread-safe.
class DenseTiles {
 public:
  SquaredErrors Run(const DenseStep& step);

 private:
  SquaredErrors RunTile(const DenseStep& step, int64_t first_row, int64_t rows);

  at::Tensor values_;  // [2 rows of a tile, n]: f, and g below it; gated and jumprelu.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_PENALTY_DENSE_H_
