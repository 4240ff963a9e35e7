// Gradients by the parameters that have a row for each latent and one optimiser step on them, latent by latent on a
// GPU.
#ifndef SEEDBED_SAE_ARCH_CUDA_LATENT_UPDATE_H_
#define SEEDBED_SAE_ARCH_CUDA_LATENT_UPDATE_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "sae/train/optimizer_update.h"

namespace seedbed {

// Row i is the sum over latent i's entries, of all that there are, of their weight times their row of `matrix`.
struct DeviceSparseGradient {
  const int32_t* starts = nullptr;  // [n + 1]
  const int32_t* rows = nullptr;
  const float* weights = nullptr;  // Of the entries: their values or their gradients.
  const float* matrix = nullptr;   // [rows of the batch, width]
};

struct DeviceParameter {
  float* value = nullptr;
  float* moment1 = nullptr;  // Of Signum: z.
  float* moment2 = nullptr;  // Of Adam alone.
};

// W_enc or W_dec: [n, width] with its gradient, the sum of its parts, which is never stored.
struct DeviceLatentMatrix {
  static constexpr int kMostParts = 3;

  int64_t width = 0;
  DeviceParameter parameter;
  DeviceSparseGradient parts[kMostParts];
  int32_t part_count = 0;
  // As LatentMatrix::unit_rows of the CPU's kernels (sae/arch/kernels/update.h).
  bool unit_rows = false;
  float* norms = nullptr;        // [n]: gets the rows' norms after the step. nullptr = nobody asks.
  uint16_t* bfloat16 = nullptr;  // [n, width]: gets the rows after the step, rounded. nullptr = nobody asks.
};

// One optimiser step on the rows [begin, end): one block a row.
void UpdateLatentRows(cudaStream_t stream, const OptimizerUpdate& update, int64_t begin, int64_t end,
                      const DeviceLatentMatrix& matrix);

// squares[i - begin] = the square of row i of the gradient, as UpdateLatentRows uses it, for the rows [begin, end).
void GradientSquares(cudaStream_t stream, int64_t begin, int64_t end, const DeviceLatentMatrix& matrix,
                     double* squares);

// norms[i] = |matrix[i]|.
void RowNorms(cudaStream_t stream, const float* matrix, int64_t rows, int64_t width, float* norms);

// One optimiser step on `size` elements.
void UpdateElementsOf(cudaStream_t stream, const OptimizerUpdate& update, int64_t size, const float* gradient,
                      const DeviceParameter& parameter);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_LATENT_UPDATE_H_
