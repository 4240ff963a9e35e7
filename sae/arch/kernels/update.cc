#include "sae/arch/kernels/update.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sae/arch/kernels/parallel.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {
namespace {

// Lets this thread take numbers below 1e-38 for 0 while it lives. The momentum of a latent that has stopped to fire
// fades until it stays at the smallest of them for ever, and some processors are a hundred times slower with those.
class FlushDenormals {
 public:
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | _MM_FLUSH_ZERO_ON | kDenormalsAreZero); }
  ~FlushDenormals() { _mm_setcsr(saved_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr unsigned kDenormalsAreZero = 0x40;
  const unsigned saved_;
};

// gradient -= <gradient, unit> unit, with unit = row / (|row| + epsilon).
void RemoveComponentAlong(const float* row, int64_t width, float* gradient) {
  const float norm = std::sqrt(Dot(row, row, width)) + std::numeric_limits<float>::epsilon();
  AddScaled(row, -Dot(gradient, row, width) / (norm * norm), width, gradient);
}

float* ProjectedGradientRow(const LatentMatrix& matrix, int64_t i, float* scratch) {
  float* gradient = GradientRow(matrix.gradient, i, matrix.width, scratch);
  const bool projects = matrix.unit_rows && !matrix.gradient.is_stored;
  if (projects) RemoveComponentAlong(matrix.parameter.value + i * matrix.width, matrix.width, gradient);
  return gradient;
}

void UpdateLatent(const OptimizerUpdate& update, const LatentMatrix& matrix, int64_t i, float* scratch) {
  const int64_t begin = i * matrix.width;
  PrefetchElements(matrix.parameter, begin, matrix.width);
  float* gradient = ProjectedGradientRow(matrix, i, scratch);
  UpdateElements(update, begin, matrix.width, gradient, matrix.parameter);
  float* row = matrix.parameter.value + begin;
  if (matrix.unit_rows) NormalizeRow(matrix.width, row);
  if (matrix.norms != nullptr) matrix.norms[i] = std::sqrt(Dot(row, row, matrix.width));
}

}  // namespace

void UpdateLatents(const OptimizerUpdate& update, LatentRange range, absl::Span<const LatentMatrix> matrices,
                   float* scratch) {
  int64_t widest = 0;
  for (const LatentMatrix& matrix : matrices) widest = std::max(widest, matrix.width);
  ForEachPiece(range.end - range.begin, kLatentsInPiece, [&](int64_t begin, int64_t end, int thread) {
    const FlushDenormals flush;
    for (int64_t i = range.begin + begin; i < range.begin + end; ++i) {
      for (const LatentMatrix& matrix : matrices) UpdateLatent(update, matrix, i, scratch + thread * widest);
    }
  });
}

double StoreGradient(LatentRange range, const LatentMatrix& matrix, float* stored, std::vector<double>* piece_sums) {
  const int64_t count = range.end - range.begin;
  piece_sums->resize(std::max(piece_sums->size(), static_cast<size_t>(PieceCount(count, kLatentsInPiece))));
  ForEachPiece(count, kLatentsInPiece, [&](int64_t begin, int64_t end, int) {
    double squares = 0;
    for (int64_t i = range.begin + begin; i < range.begin + end; ++i) {
      const float* row = ProjectedGradientRow(matrix, i, stored + i * matrix.width);
      squares += Dot(row, row, matrix.width);
    }
    (*piece_sums)[static_cast<size_t>(begin / kLatentsInPiece)] = squares;
  });
  return std::accumulate(piece_sums->begin(), piece_sums->begin() + PieceCount(count, kLatentsInPiece), 0.0);
}

void AddBiasGradients(const LatentEntries& entries, int64_t latents, float* bias_gradient) {
  ForEachPiece(latents, kLatentsInSumPiece, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const WeightedRows active = RowsOf(entries, entries.gradients, i);
      bias_gradient[i] = std::accumulate(active.weights, active.weights + active.count, bias_gradient[i]);
    }
  });
}

void SubtractThroughEncoder(const float* bias_gradient, const float* encoder, int64_t latents, int64_t width,
                            float* partial, float* input_gradient) {
  ForEachPiece(latents, kLatentsInSumPiece, [&](int64_t begin, int64_t end, int) {
    float* sum = partial + begin / kLatentsInSumPiece * width;
    std::fill(sum, sum + width, 0.0f);
    for (int64_t i = begin; i < end; ++i) {
      if (bias_gradient[i] != 0) AddScaled(encoder + i * width, bias_gradient[i], width, sum);
    }
  });
  for (int64_t p = 0; p < PieceCount(latents, kLatentsInSumPiece); ++p) {
    AddScaled(partial + p * width, -1.0f, width, input_gradient);
  }
}

}  // namespace seedbed
