// From selected activations to the loss and to its gradients by x_hat and by them, row by row.
#ifndef SEEDBED_SAE_ARCH_KERNELS_DECODE_H_
#define SEEDBED_SAE_ARCH_KERNELS_DECODE_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "sae/arch/kernels/latent_order.h"

namespace seedbed {

// Sums over the rows of a batch, or of a piece of it.
struct DecodeSums {
  double squared_error = 0;   // Of the last group.
  double squared_errors = 0;  // Of all groups together.
  int64_t active = 0;
  float smallest_active = std::numeric_limits<float>::infinity();
  // Upper bounds on the magnitude of every element of the gradients by W_dec and by W_enc, and of every sum on the way
  // to them: sum over entries of |activation| |dL/dx_hat| and of |dL/dactivation| |encoder input|. Where they are
  // finite, so are the gradients, which are never stored and so can't be looked at.
  double decoder_bound = 0;
  double encoder_bound = 0;

  DecodeSums& operator+=(const DecodeSums& other);
};

// Of each row and each prefix of the groups, x_hat_g is the sum of the prefix's activations times their decoder rows,
// and the loss is loss_scale / 2 sum_g |x_hat_g - target_scale target|^2. One group is the usual case.
struct DecodePass {
  int64_t width;
  const float* decoder;                  // [latents, width]
  absl::Span<const int64_t> group_ends;  // Ascending, the last one being the number of latents.
  const float* target;                   // [rows, width]
  float target_scale;
  float loss_scale;
  const float* input_norms;  // [rows]: of what the encoder reads. nullptr = activations are taken as given.
  RowEntries* entries;       // Ascending latents in each row where there are several groups. Gradients are set.
  float* gradient;           // Out. [groups, rows, width]: sum over prefixes from group g on of dL/dx_hat.
  float* column_sums;        // Out. [pieces of rows, width]: sums of group 0's over each piece's rows; or nullptr.
};

// `pieces` is scratch of PieceCount(rows, kRowsInPiece).
DecodeSums RunDecode(const DecodePass& pass, std::vector<DecodeSums>* pieces);

// sum over rows of |row - mean|^2, with the mean over rows. `partial` is scratch of [PieceCount(rows, kRowsInPiece),
// width], `mean` of [width], `piece_sums` of one double a piece.
double SquaresAroundMean(const float* matrix, int64_t rows, int64_t width, float* partial, float* mean,
                         std::vector<double>* piece_sums);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_DECODE_H_
