// The largest activations of every row of a tile of pre-activations.
#ifndef SEEDBED_SAE_ARCH_CUDA_ROW_SELECTION_H_
#define SEEDBED_SAE_ARCH_CUDA_ROW_SELECTION_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "sae/arch/cuda/device_entries.h"

namespace seedbed {

// The rows [first_row, first_row + rows) of a batch, whose pre-activations lack their bias. Column j is that of latent
// column_latents[j], which ascend.
struct DevicePreActivations {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;                       // From row to row, at least `columns`.
  const float* values = nullptr;            // [rows, stride]
  const int32_t* column_latents = nullptr;  // [columns]; nullptr = column j is latent j.
  const float* bias = nullptr;              // [n]
  const float* norms = nullptr;             // [n]: what activations are ranked times; nullptr = 1.
  const uint8_t* allowed = nullptr;         // [n]: 0 = never kept; nullptr = all may be.
  // Whether activations below 0 are candidates, too; otherwise activations are max(0, pre + bias).
  bool negative = false;
};

struct DeviceRowSelection {
  int64_t k = 0;                   // At most `columns`.
  const int32_t* fewer = nullptr;  // Keep this many, at most k; nullptr = k.
  // Whether rows with fewer than k candidates get the first latents that are 0 in their last places.
  bool fills = false;
  DeviceEntries entries;  // k places in each row.
};

// Exactly the k largest candidates of each row; among equal ones the lower latent wins. A candidate is what is above 0,
// with `negative` every number. A NaN is none. Sets counts, latents and values; entries ascend by latent.
//
// One block a row. The maxima of 256 groups give a lower bound on the k-th largest where k is at most 128; mostly few
// candidates reach it, whose ranks are counted out. Otherwise a radix search over their bits finds the k-th largest.
void SelectLargestOfRows(cudaStream_t stream, const DevicePreActivations& pre, const DeviceRowSelection& selection);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_ROW_SELECTION_H_
