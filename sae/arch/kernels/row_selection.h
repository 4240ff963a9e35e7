// Which latents of each row are kept, where every row keeps as many.
#ifndef SEEDBED_SAE_ARCH_KERNELS_ROW_SELECTION_H_
#define SEEDBED_SAE_ARCH_KERNELS_ROW_SELECTION_H_

#include <cstdint>
#include <vector>

#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/top_k.h"

namespace seedbed {

// The rows [first_row, first_row + rows) of a batch, whose pre-activations lack their bias.
struct PreActivations {
  int64_t first_row;
  int64_t rows;
  int64_t latents;
  const float* values;  // [rows, latents]
  const float* bias;    // [latents]
};

// One thread's scratch memory.
struct SelectionScratch {
  SelectionScratch(int64_t latents, int64_t most_k);
  TopKScratch top_k;
  std::vector<float> activations;  // [latents]
  std::vector<float> ranks;        // [latents]
  const std::vector<float> zeros;  // [latents]
};

// Keeps the k largest max(0, pre + bias) of each row; among equal ones the lower latent wins. With `norms`, of all
// decoder rows, the k largest by max(0, pre + bias) times the latent's norm. All k places of `entries` are filled:
// first with those that are positive, which are counted.
void SelectLargest(const PreActivations& pre, int64_t k, const float* norms, std::vector<SelectionScratch>* threads,
                   RowEntries* entries);

// Latents that a selection is among, ascending.
struct Candidates {
  const std::vector<uint32_t>* latents;
  // Whether column j of the pre-activations is that of the j-th candidate, and not of latent j.
  bool own_columns;
  // Whether pre-activations below 0 are kept, too: then all of `places` are entries.
  bool negative;
};

// As SelectLargest, among the candidates, of which there are at least k.
void SelectLargestAmong(const Candidates& candidates, const PreActivations& pre, int64_t k, const float* norms,
                        std::vector<SelectionScratch>* threads, RowEntries* entries);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_ROW_SELECTION_H_
