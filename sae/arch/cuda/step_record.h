// What a step finds out about its batch: computed on the GPU, and copied to the host once.
#ifndef SEEDBED_SAE_ARCH_CUDA_STEP_RECORD_H_
#define SEEDBED_SAE_ARCH_CUDA_STEP_RECORD_H_

#include <cstdint>

namespace seedbed {

// Sums over the rows of a batch, as DecodeSums of the CPU's kernels (sae/arch/kernels/decode.h).
struct DeviceDecodeSums {
  double squared_error = 0;   // Of the last group.
  double squared_errors = 0;  // Of all groups together.
  double active = 0;
  double decoder_bound = 0;
  double encoder_bound = 0;
  double smallest_rank = 0;  // Of the positive activations; infinity without one.
};

// All bytes are 0 before a batch.
struct StepRecord {
  double total_variance = 0;
  DeviceDecodeSums decode;
  DeviceDecodeSums multi;       // Of multi_topk.
  DeviceDecodeSums auxiliary;   // Of the auxiliary loss.
  double error_squares = 0;     // sum |e - its mean|^2, times the square of loss_scale.
  double auxiliary_weight = 0;  // What the auxiliary squared error is multiplied by.
  // Squares of the gradients by W_enc, W_dec, b_enc, b_dec, W_skip, where they are asked for.
  double gradient_squares[5] = {};
  float loss_scale = 0;       // dL/dx_hat = loss_scale (x_hat - target) for each group.
  float multi_scale = 0;      // The same of multi_topk.
  float auxiliary_scale = 0;  // The same of the auxiliary loss.
  float error_scale = 0;      // The error is the last group's gradient times this.
  int32_t dead = 0;           // Latents that the auxiliary loss teaches in this step.
  int32_t auxiliary_k = 0;    // How many of them a row keeps.
  int32_t dead_after = 0;     // Latents that are dead once this batch is counted in.
  // Of the next batch, if it has as many rows: latents that may be dead in it.
  int32_t candidates_after = 0;
  int32_t not_finite[3] = {};  // Elements of the gradients by b_enc, b_dec, W_skip.
};

// With the total variance V: loss_scale = by_variance ? 2 / V : scale, and multi_scale = 2 multi_weight / V.
struct LossScaleRule {
  bool by_variance = false;
  double scale = 0;
  double multi_weight = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_STEP_RECORD_H_
