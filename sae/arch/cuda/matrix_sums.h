// Sums over the rows of a matrix and over the elements of a vector in a GPU's memory, in one fixed order.
#ifndef SEEDBED_SAE_ARCH_CUDA_MATRIX_SUMS_H_
#define SEEDBED_SAE_ARCH_CUDA_MATRIX_SUMS_H_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace seedbed {

// Rows whose sum is formed by one block.
inline constexpr int64_t kRowsInColumnPiece = 128;

constexpr int64_t ColumnPieces(int64_t rows) { return (rows + kRowsInColumnPiece - 1) / kRowsInColumnPiece; }

// sums[q] = scale * sum_r weights[r] (matrix[r][q] - origin[q]) + base[q].
struct ColumnSum {
  const float* matrix = nullptr;  // [rows, stride]
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;
  const float* weights = nullptr;  // [rows]; nullptr = 1.
  const float* origin = nullptr;   // [columns]; nullptr = 0.
  float scale = 1;
  const float* base = nullptr;  // [columns]; nullptr = 0. May be `sums`.
  float* partial = nullptr;     // Scratch of [ColumnPieces(rows), columns].
  float* sums = nullptr;        // Out. [columns]
};
void SumColumns(cudaStream_t stream, const ColumnSum& sum);

// *sum = the sum of `count` values.
void SumValues(cudaStream_t stream, const double* values, int64_t count, double* sum);

// distances[r] = |matrix[r] - origin|^2. `origin` nullptr = 0. Rows as in row_vectors.cuh.
void RowDistances(cudaStream_t stream, const float* matrix, int64_t rows, int64_t width, const float* origin,
                  double* distances);

// Adds to *count how many of the values are not finite.
void CountNotFinite(cudaStream_t stream, const float* values, int64_t size, int32_t* count);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_MATRIX_SUMS_H_
