#include "sae/arch/kernels/batch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

// sum += row - origin.
void AddDifference(const float* __restrict row, const float* __restrict origin, int64_t d, float* __restrict sum) {
  for (int64_t q = 0; q < d; ++q) sum[q] += row[q] - origin[q];
}

void Subtract(const float* __restrict row, const float* __restrict center, int64_t d, float* __restrict out) {
  for (int64_t q = 0; q < d; ++q) out[q] = row[q] - center[q];
}

}  // namespace

void ColumnMeans(const BatchView& batch, int64_t width, float* partial, float* mean) {
  // Around the first row: so the sums are small, and 0 where all rows are equal.
  const float* origin = batch.rows;
  ForEachPiece(batch.count, kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    float* sum = partial + begin / kRowsInPiece * width;
    std::fill(sum, sum + batch.d, 0.0f);
    for (int64_t row = begin; row < end; ++row) AddDifference(batch.rows + row * batch.d, origin, batch.d, sum);
  });
  std::fill(mean, mean + width, 0.0f);
  const int64_t pieces = PieceCount(batch.count, kRowsInPiece);
  for (int64_t p = 0; p < pieces; ++p) {
    for (int64_t q = 0; q < batch.d; ++q) mean[q] += partial[p * width + q];
  }
  for (int64_t q = 0; q < batch.d; ++q) mean[q] = origin[q] + mean[q] / static_cast<float>(batch.count);
}

double CenterRows(const BatchView& batch, const float* mean, const float* center, int64_t width, float* centered,
                  float* norms, float* spread, std::vector<double>* piece_sums) {
  // batch[row] - mean = centered[row] - (mean - center).
  for (int64_t q = 0; q < width; ++q) spread[q] = mean[q] - center[q];
  ForEachPiece(batch.count, kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    double squares = 0;
    for (int64_t row = begin; row < end; ++row) {
      float* out = centered + row * width;
      Subtract(batch.rows + row * batch.d, center, batch.d, out);
      std::fill(out + batch.d, out + width, 0.0f);
      norms[row] = std::sqrt(Dot(out, out, width));
      squares += SquaredDistance(out, spread, width);
    }
    (*piece_sums)[static_cast<size_t>(begin / kRowsInPiece)] = squares;
  });
  const auto pieces = PieceCount(batch.count, kRowsInPiece);
  return std::accumulate(piece_sums->begin(), piece_sums->begin() + pieces, 0.0);
}

void PadRows(const BatchView& batch, int64_t width, float* padded, float* norms) {
  ForEachPiece(batch.count, kRowsInPiece, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* out = padded + row * width;
      std::copy_n(batch.rows + row * batch.d, batch.d, out);
      std::fill(out + batch.d, out + width, 0.0f);
      norms[row] = std::sqrt(Dot(out, out, width));
    }
  });
}

}  // namespace seedbed
