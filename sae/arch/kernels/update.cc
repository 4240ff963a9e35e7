#include "sae/arch/kernels/update.h"

#include <immintrin.h>

#include <algorithm>

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

// The batch rows that latent i is active in, weighted by `weights`.
WeightedRows RowsOf(const LatentEntries& entries, const std::vector<float>& weights, int64_t i) {
  const uint32_t begin = entries.starts[static_cast<size_t>(i)];
  const uint32_t end = entries.starts[static_cast<size_t>(i) + 1];
  return {entries.rows.data() + begin, weights.data() + begin, end - begin};
}

// Has row i of a parameter and of its moments brought near while something else is computed.
void Prefetch(const AdamState& state, int64_t i, int64_t width) {
  constexpr int64_t kFloatsInLine = 16;
  const int64_t begin = i * width;
  for (int64_t at = begin; at < begin + width; at += kFloatsInLine) {
    __builtin_prefetch(state.parameter + at, /*rw=*/1);
    __builtin_prefetch(state.moment1 + at, /*rw=*/1);
    __builtin_prefetch(state.moment2 + at, /*rw=*/1);
  }
}

void UpdateEncoder(const LatentUpdate& update, int64_t i, float* gradient) {
  Prefetch(update.encoder, i, update.width);
  SumRows(RowsOf(*update.entries, update.entries->gradients, i), update.centered, update.width, gradient);
  const int64_t at = i * update.width;
  AdamRow(update.adam, gradient, update.width, update.encoder.parameter + at, update.encoder.moment1 + at,
          update.encoder.moment2 + at);
}

void UpdateDecoder(const LatentUpdate& update, int64_t i, float* gradient) {
  Prefetch(update.decoder, i, update.width);
  SumRows(RowsOf(*update.entries, update.entries->values, i), update.output_gradient, update.width, gradient);
  if (update.auxiliary != nullptr) {
    AddRows(RowsOf(*update.auxiliary, update.auxiliary->values, i), update.auxiliary_gradient, update.width, gradient);
  }
  const int64_t at = i * update.width;
  float* row = update.decoder.parameter + at;
  AddScaled(row, -Dot(gradient, row, update.width), update.width, gradient);
  AdamRow(update.adam, gradient, update.width, row, update.decoder.moment1 + at, update.decoder.moment2 + at);
  NormalizeRow(update.width, row);
}

}  // namespace

void BiasGradients(const LatentEntries& entries, const float* encoder, int64_t latents, int64_t width, float* partial,
                   float* bias_gradient, float* input_gradient) {
  ForEachPiece(latents, kLatentsInSumPiece, [&](int64_t begin, int64_t end, int) {
    float* sum = partial + begin / kLatentsInSumPiece * width;
    std::fill(sum, sum + width, 0.0f);
    for (int64_t i = begin; i < end; ++i) {
      const WeightedRows active = RowsOf(entries, entries.gradients, i);
      bias_gradient[i] = 0;
      for (int64_t e = 0; e < active.count; ++e) bias_gradient[i] += active.weights[e];
      if (active.count > 0) AddScaled(encoder + i * width, bias_gradient[i], width, sum);
    }
  });
  for (int64_t p = 0; p < PieceCount(latents, kLatentsInSumPiece); ++p) {
    AddScaled(partial + p * width, -1.0f, width, input_gradient);
  }
}

void UpdateLatents(const LatentUpdate& update) {
  ForEachPiece(update.latents, kLatentsInPiece, [&](int64_t begin, int64_t end, int thread) {
    const FlushDenormals flush;
    float* gradient = update.scratch + thread * update.width;
    for (int64_t i = begin; i < end; ++i) {
      UpdateEncoder(update, i, gradient);
      UpdateDecoder(update, i, gradient);
    }
  });
}

}  // namespace seedbed
