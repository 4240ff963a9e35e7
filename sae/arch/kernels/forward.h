// From pre-activations to the loss and its gradients by x_hat and by the active latents, row by row.
#ifndef SEEDBED_SAE_ARCH_KERNELS_FORWARD_H_
#define SEEDBED_SAE_ARCH_KERNELS_FORWARD_H_

#include <cstdint>
#include <vector>

#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/top_k.h"

namespace seedbed {

// Sums over the rows of a batch, or of a piece of it.
struct ForwardSums {
  double squared_error = 0;
  int64_t active = 0;
  // Upper bounds on the magnitude of every element of the gradients by W_dec and by W_enc, and of every sum on the way
  // to them: sum over entries of |activation| |dL/dx_hat| and of |dL/dactivation| |x - b_dec|. Where they are finite,
  // so are the gradients, which are never stored and so can't be looked at.
  double decoder_bound = 0;
  double encoder_bound = 0;

  ForwardSums& operator+=(const ForwardSums& other);
};

// One thread's scratch memory.
struct ForwardScratch {
  ForwardScratch(int64_t latents, int64_t most_k);
  TopKScratch top_k;
  std::vector<float> pre;   // Of the latents that are candidates.
  std::vector<float> bias;  // Theirs.
};

struct ForwardWorkspace {
  std::vector<ForwardScratch> threads;  // LoopThreads()
  std::vector<ForwardSums> pieces;      // PieceCount(rows, kRowsInPiece)
};

// Both passes run over the rows [first_row, first_row + rows), where first_row is a multiple of kRowsInPiece: `pre`
// holds these alone, every other matrix the whole batch.
//
// x_hat = sum of the k largest relu(pre + bias) times their decoder rows, plus b_dec.
struct ForwardPass {
  int64_t first_row;
  int64_t rows;
  int64_t latents;
  int64_t k;
  int64_t width;
  const float* pre;           // [rows, latents]
  const float* encoder_bias;  // [latents]
  const float* decoder;       // [latents, width]
  const float* centered;      // [batch, width]: x - b_dec.
  const float* norms;         // [batch]: |x - b_dec|.
  float loss_scale;           // 2 / total variance: dL/dx_hat = loss_scale (x_hat - x).
  RowEntries* entries;        // Out. [batch, k]; all k places are written, as SelectTopK does.
  float* output_gradient;     // Out. [batch, width]: dL/dx_hat.
  float* column_sums;         // Out. [pieces of the batch, width]: its sums over each piece's rows.
};
ForwardSums RunForward(const ForwardPass& pass, ForwardWorkspace* workspace);

// e_hat = sum of the k largest relu(pre + bias) among the dead latents times their decoder rows; the loss is
// |e_hat - e|^2 with e = x - x_hat taken as given. Its squared error is that of e_hat - e.
struct AuxiliaryPass {
  int64_t first_row;
  int64_t rows;
  int64_t latents;
  int64_t k;
  int64_t width;
  const float* pre;
  const float* encoder_bias;
  const float* decoder;
  const std::vector<uint32_t>* dead;  // Ascending; at least k.
  const float* output_gradient;       // Of the forward pass.
  float error_scale;                  // e = error_scale * output_gradient.
  float loss_scale;                   // dL/de_hat = loss_scale (e_hat - e).
  RowEntries* entries;                // Out. [batch, k], without gradients: none goes to the encoder.
  float* gradient;                    // Out. [batch, width]: dL/de_hat.
};
ForwardSums RunAuxiliary(const AuxiliaryPass& pass, ForwardWorkspace* workspace);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_FORWARD_H_
