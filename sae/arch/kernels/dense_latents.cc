#include "sae/arch/kernels/dense_latents.h"

#include <algorithm>
#include <cmath>

#include "absl/functional/function_ref.h"
#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

// A piece's sums, so that they stay in cache, and sums over many rows are sums of sums over a tile's.
struct ColumnSums {
  float active[kColumnsInPiece] = {};
  float penalized[kColumnsInPiece] = {};
  float pre_gradient[kColumnsInPiece] = {};
  float gate[kColumnsInPiece] = {};
  float inner[kColumnsInPiece] = {};
  float magnitude[kColumnsInPiece] = {};
};

void Add(const float* values, int64_t count, float* sum) {
  if (sum == nullptr) return;
  for (int64_t i = 0; i < count; ++i) sum[i] += values[i];
}

// Calls body(begin, count, &sums) for every piece of columns, then adds its sums.
void ForEachColumns(int64_t latents, const LatentSums& sums,
                    absl::FunctionRef<void(int64_t, int64_t, ColumnSums*)> body) {
  ForEachPiece(latents, kColumnsInPiece, [&](int64_t begin, int64_t end, int) {
    ColumnSums piece;
    body(begin, end - begin, &piece);
    const auto add = [&](const float* values, float* sum) {
      Add(values, end - begin, sum == nullptr ? nullptr : sum + begin);
    };
    add(piece.active, sums.active);
    add(piece.penalized, sums.penalized);
    add(piece.pre_gradient, sums.pre_gradient);
    add(piece.gate, sums.gate);
    add(piece.inner, sums.inner);
    add(piece.magnitude, sums.magnitude);
  });
}

// What is not at or below `bound`, so a NaN, too; else 0.
float Above(float value, float bound) { return value <= bound ? 0.0f : value; }

void ActivateRelu(const float* __restrict bias, int64_t count, float* __restrict values, ColumnSums* __restrict sums) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = Above(values[i] + bias[i], 0);
    values[i] = value;
    sums->active[i] += value > 0 ? 1.0f : 0.0f;
    sums->penalized[i] += value;
  }
}

void ActivateGated(const PenalizedLatents& latents, int64_t begin, int64_t count, const float* __restrict product,
                   float* __restrict values, float* __restrict gates, ColumnSums* __restrict sums) {
  const float* __restrict bias = latents.bias + begin;
  const float* __restrict magnitude = latents.magnitude + begin;
  const float* __restrict magnitude_bias = latents.magnitude_bias + begin;
  for (int64_t i = 0; i < count; ++i) {
    const float gate = Above(product[i] + bias[i], 0);
    const float open = Above(magnitude[i] * product[i] + magnitude_bias[i], 0);
    const float value = gate == 0 ? 0.0f : open;
    gates[i] = gate;
    values[i] = value;
    sums->active[i] += value > 0 ? 1.0f : 0.0f;
    sums->penalized[i] += gate;
  }
}

bool InBand(float pre, float threshold, float half_band) { return std::abs(pre - threshold) < half_band; }

void ActivateJumprelu(const PenalizedLatents& latents, int64_t begin, int64_t count, float* __restrict product,
                      float* __restrict values, ColumnSums* __restrict sums) {
  const float* __restrict bias = latents.bias + begin;
  const float* __restrict threshold = latents.threshold + begin;
  const float half_band = latents.half_band;
  const float inactive = latents.counts_active_alone ? 0.0f : 1.0f;
  for (int64_t i = 0; i < count; ++i) {
    const float pre = product[i] + bias[i];
    product[i] = pre;
    values[i] = Above(pre, threshold[i]);
    const float active = pre > threshold[i] ? 1.0f : 0.0f;
    sums->active[i] += active;
    sums->penalized[i] += InBand(pre, threshold[i], half_band) ? std::max(active, inactive) : 0.0f;
  }
}

void BackpropagateRelu(const float* penalty, int64_t count, const float* __restrict values, float* __restrict gradients,
                       ColumnSums* __restrict sums) {
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = values[i] > 0 ? gradients[i] + penalty[i] : 0.0f;
    gradients[i] = gradient;
    sums->pre_gradient[i] += gradient;
  }
}

// dL/dr_mag = sum dL/df exp(r_mag) y = sum dL/df (f - b_mag), over f > 0.
void BackpropagateGated(const PenalizedLatents& latents, int64_t begin, int64_t count, const DenseTile& tile,
                        int64_t row, ColumnSums* __restrict sums) {
  const int64_t at = row * latents.count + begin;
  const float* __restrict penalty = latents.penalty + begin;
  const float* __restrict magnitude = latents.magnitude + begin;
  const float* __restrict magnitude_bias = latents.magnitude_bias + begin;
  const float* __restrict values = tile.values + at;
  const float* __restrict gates = tile.gates + at;
  const float* __restrict gate_gradients = tile.gate_gradients + at;
  float* __restrict gradients = tile.gradients + at;
  for (int64_t i = 0; i < count; ++i) {
    const float inner = values[i] > 0 ? gradients[i] : 0.0f;
    const float gate = gates[i] > 0 ? gate_gradients[i] + penalty[i] : 0.0f;
    const float gradient = magnitude[i] * inner + gate;
    gradients[i] = gradient;
    sums->pre_gradient[i] += gradient;
    sums->gate[i] += gate;
    sums->inner[i] += inner;
    sums->magnitude[i] += inner * (values[i] - magnitude_bias[i]);
  }
}

void BackpropagateJumprelu(const PenalizedLatents& latents, int64_t begin, int64_t count, const float* __restrict pre,
                           float* __restrict gradients, ColumnSums* __restrict sums) {
  const float* __restrict threshold = latents.threshold + begin;
  const float half_band = latents.half_band;
  for (int64_t i = 0; i < count; ++i) {
    const float of_value = gradients[i];
    const float gradient = pre[i] > threshold[i] ? of_value : 0.0f;
    gradients[i] = gradient;
    sums->pre_gradient[i] += gradient;
    sums->inner[i] += InBand(pre[i], threshold[i], half_band) ? of_value : 0.0f;
  }
}

}  // namespace

void Activate(const PenalizedLatents& latents, const DenseTile& tile, const LatentSums& sums) {
  ForEachColumns(latents.count, sums, [&](int64_t begin, int64_t count, ColumnSums* piece) {
    for (int64_t row = 0; row < tile.rows; ++row) {
      const int64_t at = row * latents.count + begin;
      switch (latents.kind) {
        case PenalizedKind::kRelu:
          ActivateRelu(latents.bias + begin, count, tile.values + at, piece);
          break;
        case PenalizedKind::kGated:
          ActivateGated(latents, begin, count, tile.product + at, tile.values + at, tile.gates + at, piece);
          break;
        case PenalizedKind::kJumprelu:
          ActivateJumprelu(latents, begin, count, tile.product + at, tile.values + at, piece);
          break;
      }
    }
  });
}

void Backpropagate(const PenalizedLatents& latents, const DenseTile& tile, const LatentSums& sums) {
  ForEachColumns(latents.count, sums, [&](int64_t begin, int64_t count, ColumnSums* piece) {
    for (int64_t row = 0; row < tile.rows; ++row) {
      const int64_t at = row * latents.count + begin;
      switch (latents.kind) {
        case PenalizedKind::kRelu:
          BackpropagateRelu(latents.penalty + begin, count, tile.values + at, tile.gradients + at, piece);
          break;
        case PenalizedKind::kGated:
          BackpropagateGated(latents, begin, count, tile, row, piece);
          break;
        case PenalizedKind::kJumprelu:
          BackpropagateJumprelu(latents, begin, count, tile.product + at, tile.gradients + at, piece);
          break;
      }
    }
  });
}

}  // namespace seedbed
