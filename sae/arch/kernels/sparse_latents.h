// Activations and their gradients while few latents are active: entries alone are touched.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SPARSE_LATENTS_H_
#define SEEDBED_SAE_ARCH_KERNELS_SPARSE_LATENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/penalized_latents.h"

namespace seedbed {

// A latent has an entry in a row where its f, its g or a gradient may not be 0.
struct EntryColumns {
  std::vector<float> values;          // f
  std::vector<float> gates;           // g
  std::vector<float> gradients;       // dL/dy
  std::vector<float> gate_gradients;  // dL/dg, gated.
  std::vector<float> inner;           // What LatentSums::inner sums.

  void Resize(size_t count);
};

// The entries of one piece of kRowsInPiece rows, row after row. Memory is kept from step to step.
struct PieceEntries {
  std::vector<int64_t> row_starts;  // [rows + 1]
  std::vector<uint32_t> latents;
  EntryColumns columns;
};

// Entries in the order of latents. `order.values` are f, `order.gradients` dL/dy.
struct OrderedEntries {
  LatentEntries order;
  std::vector<float> gates;
  std::vector<float> gate_gradients;
  std::vector<float> inner;
};

// A counting sort of the first `pieces` pieces' entries.
void OrderByLatent(const std::vector<PieceEntries>& entries, int64_t pieces, int64_t n, OrderedEntries* ordered);

// Adds to all sums.
void AddEntries(const PenalizedLatents& latents, const OrderedEntries& entries, const LatentSums& sums);

struct SparseSums {
  double squared_error = 0;       // sum |f W_dec - wanted|^2.
  double gate_squared_error = 0;  // Gated: the same of what the gates reconstruct.
  // Bounds on the magnitude of every element of the gradients by W_dec and W_enc, which are never stored.
  double decoder_bound = 0;
  double encoder_bound = 0;

  SparseSums& operator+=(const SparseSums& other);
};

// The rows [first_row, first_row + rows) of a batch, where first_row is a multiple of kRowsInPiece: `product` holds
// these alone, every other matrix the whole batch.
struct SparsePass {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t width = 0;                             // Of the target, padded.
  const float* product = nullptr;                // [rows, n]: y.
  const float* decoder = nullptr;                // [n, width]
  const float* wanted = nullptr;                 // [batch, width]: what f W_dec is to be.
  const float* input_norms = nullptr;            // [batch]: |c|.
  float loss_scale = 0;                          // dL/dx_hat = loss_scale (f W_dec - wanted).
  std::vector<PieceEntries>* entries = nullptr;  // Out: those of the rows' pieces.
  float* output_gradient = nullptr;              // Out. [batch, width]: dL/dx_hat.
  float* gate_gradient = nullptr;                // Out. [batch, width]: dL/d(g W_dec), gated.
};
SparseSums RunSparse(const PenalizedLatents& latents, const SparsePass& pass);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SPARSE_LATENTS_H_
