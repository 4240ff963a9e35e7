#include "sae/arch/cuda/matrix_sums.h"
#include "sae/arch/cuda/row_vectors.cuh"

namespace seedbed {
namespace {

constexpr int kColumnThreads = 128;
constexpr int kSumThreads = 512;

__global__ void SumPiecesKernel(ColumnSum sum) {
  const int64_t column = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (column >= sum.columns) return;
  const int64_t begin = blockIdx.y * kRowsInColumnPiece;
  const int64_t end = min(sum.rows, begin + kRowsInColumnPiece);
  const float origin = sum.origin == nullptr ? 0.0f : sum.origin[column];
  float total = 0;
#pragma unroll 4
  for (int64_t row = begin; row < end; ++row) {
    const float weight = sum.weights == nullptr ? 1.0f : sum.weights[row];
    total += weight * (sum.matrix[row * sum.stride + column] - origin);
  }
  sum.partial[blockIdx.y * sum.columns + column] = total;
}

__global__ void AddPiecesKernel(ColumnSum sum, int64_t pieces) {
  const int64_t column = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (column >= sum.columns) return;
  float total = 0;
  for (int64_t piece = 0; piece < pieces; ++piece) total += sum.partial[piece * sum.columns + column];
  sum.sums[column] = sum.scale * total + (sum.base == nullptr ? 0.0f : sum.base[column]);
}

__global__ void SumValuesKernel(const double* values, int64_t count, double* sum) {
  double own = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) own += values[i];
  const double total = BlockSum(own);
  if (threadIdx.x == 0) *sum = total;
}

__global__ void RowDistancesKernel(const float* matrix, int64_t width, const float* origin, double* distances) {
  const float* row = matrix + blockIdx.x * width;
  float squares = 0;
  for (int64_t v = threadIdx.x; v < width / kVectorWidth; v += blockDim.x) {
    float4 difference = LoadVector(row, v);
    if (origin != nullptr) AddScaledVector(LoadVector(origin, v), -1.0f, &difference);
    squares += DotVector(difference, difference);
  }
  const float sum = BlockSum(squares);
  if (threadIdx.x == 0) distances[blockIdx.x] = sum;
}

__global__ void CountNotFiniteKernel(const float* values, int64_t size, int32_t* count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < size && !isfinite(values[i])) atomicAdd(count, 1);
}

unsigned Blocks(int64_t size, int64_t in_block) { return static_cast<unsigned>((size + in_block - 1) / in_block); }

}  // namespace

void SumColumns(cudaStream_t stream, const ColumnSum& sum) {
  const int64_t pieces = ColumnPieces(sum.rows);
  const dim3 grid(Blocks(sum.columns, kColumnThreads), static_cast<unsigned>(pieces));
  SumPiecesKernel<<<grid, kColumnThreads, 0, stream>>>(sum);
  AddPiecesKernel<<<grid.x, kColumnThreads, 0, stream>>>(sum, pieces);
}

void SumValues(cudaStream_t stream, const double* values, int64_t count, double* sum) {
  SumValuesKernel<<<1, kSumThreads, 0, stream>>>(values, count, sum);
}

void RowDistances(cudaStream_t stream, const float* matrix, int64_t rows, int64_t width, const float* origin,
                  double* distances) {
  RowDistancesKernel<<<static_cast<unsigned>(rows), RowThreads(width), 0, stream>>>(matrix, width, origin, distances);
}

void CountNotFinite(cudaStream_t stream, const float* values, int64_t size, int32_t* count) {
  CountNotFiniteKernel<<<Blocks(size, kSumThreads), kSumThreads, 0, stream>>>(values, size, count);
}

}  // namespace seedbed
