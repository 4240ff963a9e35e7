// A batch as the kernels read it: around b_dec, in padded rows, and as the encoder's product reads it.
#ifndef SEEDBED_SAE_ARCH_CUDA_BATCH_ROWS_H_
#define SEEDBED_SAE_ARCH_CUDA_BATCH_ROWS_H_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace seedbed {

// Padding becomes 0.
struct RowPadding {
  const float* batch = nullptr;  // [rows, d], packed.
  int64_t rows = 0;
  int64_t d = 0;
  int64_t width = 0;              // Of padded rows.
  const float* center = nullptr;  // [width]; nullptr = 0.
  float* padded = nullptr;        // Out. [rows, width]: batch - center.
  uint16_t* bfloat16 = nullptr;   // Out. [rows, width]: the same, rounded; nullptr = nobody asks.
  float* norms = nullptr;         // Out. [rows]: |padded|; nullptr = nobody asks.
  const float* mean = nullptr;    // [width], with `distances`.
  double* distances = nullptr;    // Out. [rows]: |batch - mean|^2; nullptr = nobody asks.
};
void PadRows(cudaStream_t stream, const RowPadding& padding);

// rounded[i] = values[i] in bfloat16.
void RoundToBfloat16(cudaStream_t stream, const float* values, int64_t size, uint16_t* rounded);

// gathered[j] = matrix[rows[j]]; `row_bytes` is a multiple of 16.
void GatherRows(cudaStream_t stream, const void* matrix, const int32_t* rows, int64_t count, int64_t row_bytes,
                void* gathered);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_BATCH_ROWS_H_
