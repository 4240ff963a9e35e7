#include <cuda_bf16.h>

#include "sae/arch/cuda/batch_rows.h"
#include "sae/arch/cuda/row_vectors.cuh"

namespace seedbed {
namespace {

constexpr int kElementThreads = 256;

__device__ uint16_t Bfloat16Bits(float value) { return __bfloat16_as_ushort(__float2bfloat16_rn(value)); }

__global__ void PadRowsKernel(RowPadding padding) {
  const int64_t row = blockIdx.x;
  float squares = 0;
  double distance = 0;
  for (int64_t q = threadIdx.x; q < padding.width; q += blockDim.x) {
    const float raw = q < padding.d ? padding.batch[row * padding.d + q] : 0.0f;
    const float value = q < padding.d && padding.center != nullptr ? raw - padding.center[q] : raw;
    const int64_t place = row * padding.width + q;
    padding.padded[place] = value;
    if (padding.bfloat16 != nullptr) padding.bfloat16[place] = Bfloat16Bits(value);
    squares += value * value;
    if (padding.distances == nullptr || q >= padding.d) continue;
    const float difference = raw - padding.mean[q];
    distance += static_cast<double>(difference) * difference;
  }
  const float norm = sqrtf(BlockSum(squares));
  const double distances = BlockSum(distance);
  if (threadIdx.x != 0) return;
  if (padding.norms != nullptr) padding.norms[row] = norm;
  if (padding.distances != nullptr) padding.distances[row] = distances;
}

__global__ void RoundKernel(const float* values, int64_t size, uint16_t* rounded) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < size) rounded[i] = Bfloat16Bits(values[i]);
}

__global__ void GatherRowsKernel(const uint4* matrix, const int32_t* rows, int64_t vectors, uint4* gathered) {
  const int64_t from = static_cast<int64_t>(rows[blockIdx.x]) * vectors;
  const int64_t to = static_cast<int64_t>(blockIdx.x) * vectors;
  for (int64_t v = threadIdx.x; v < vectors; v += blockDim.x) gathered[to + v] = matrix[from + v];
}

}  // namespace

void PadRows(cudaStream_t stream, const RowPadding& padding) {
  PadRowsKernel<<<static_cast<unsigned>(padding.rows), RowThreads(padding.width), 0, stream>>>(padding);
}

void RoundToBfloat16(cudaStream_t stream, const float* values, int64_t size, uint16_t* rounded) {
  const auto blocks = static_cast<unsigned>((size + kElementThreads - 1) / kElementThreads);
  RoundKernel<<<blocks, kElementThreads, 0, stream>>>(values, size, rounded);
}

void GatherRows(cudaStream_t stream, const void* matrix, const int32_t* rows, int64_t count, int64_t row_bytes,
                void* gathered) {
  const int64_t vectors = row_bytes / static_cast<int64_t>(sizeof(uint4));
  GatherRowsKernel<<<static_cast<unsigned>(count), kElementThreads, 0, stream>>>(
      static_cast<const uint4*>(matrix), rows, vectors, static_cast<uint4*>(gathered));
}

}  // namespace seedbed
