// One optimiser step on the parameters that have a row for each latent, latent by latent.
#ifndef SEEDBED_SAE_ARCH_KERNELS_UPDATE_H_
#define SEEDBED_SAE_ARCH_KERNELS_UPDATE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "sae/arch/kernels/latent_gradient.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/parameter_rows.h"
#include "sae/train/optimizer_update.h"

namespace seedbed {

// Latents in one piece of a loop over latents.
inline constexpr int64_t kLatentsInPiece = 8;
inline constexpr int64_t kLatentsInSumPiece = 64;

// W_enc or W_dec: [n, width] with its gradient.
struct LatentMatrix {
  int64_t width = 0;
  ParameterRows parameter;
  LatentGradient gradient;
  // Rows have norm 1 after every step, and what the gradient has along them is left out: along row / (|row| + epsilon),
  // with the machine epsilon of float32, so that rows may be of any norm before the first step.
  bool unit_rows = false;
  float* norms = nullptr;  // [n]: gets the rows' norms after the step. nullptr = nobody asks.
};

// The latents [begin, end).
struct LatentRange {
  int64_t begin;
  int64_t end;
};

// One optimiser step on the range's rows of every matrix. Each row of a gradient lives in a thread's cache and is used
// up at once. `scratch` is [LoopThreads(), the largest width].
void UpdateLatents(const OptimizerUpdate& update, LatentRange range, absl::Span<const LatentMatrix> matrices,
                   float* scratch);

// Stores the range's rows of a gradient as UpdateLatents uses them: in gradient.dense, where there is one, or in
// `stored` [n, width]. Returns the sum of their squares. `piece_sums` is scratch.
double StoreGradient(LatentRange range, const LatentMatrix& matrix, float* stored, std::vector<double>* piece_sums);

// Adds to bias_gradient[i] the sum of latent i's gradients.
void AddBiasGradients(const LatentEntries& entries, int64_t latents, float* bias_gradient);

// input_gradient [width] -= sum_i bias_gradient[i] encoder[i]: what b_dec gets through x - b_dec, bias_gradient being
// the gradient by the pre-activations summed over rows. `partial` is scratch of
// [PieceCount(latents, kLatentsInSumPiece), width].
void SubtractThroughEncoder(const float* bias_gradient, const float* encoder, int64_t latents, int64_t width,
                            float* partial, float* input_gradient);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_UPDATE_H_
