#include "sae/arch/kernels/rows.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sae/arch/kernels/adam_row.h"

namespace seedbed {
namespace {

constexpr int kLanes = 8;
constexpr int kGroup = 8;  // Rows that are summed at once.

float SumLanes(__m256 v) {
  const __m128 four = _mm256_castps256_ps128(v) + _mm256_extractf128_ps(v, 1);
  const __m128 two = four + _mm_movehl_ps(four, four);
  return _mm_cvtss_f32(two) + _mm_cvtss_f32(_mm_shuffle_ps(two, two, 1));
}

// Adds kRows rows to `sum`, or begins it with them, reading each from end to end: a partial sum
// is loaded and stored once for all of them, and the processor sees kRows streams that it can fetch ahead.
template <int kRows, bool kBegin>
inline void SumGroup(const uint32_t* rows, const float* weights, const float* matrix, int64_t width, float* sum) {
  const float* row[kRows];
  __m256 weight[kRows];
  for (int r = 0; r < kRows; ++r) {
    row[r] = matrix + static_cast<int64_t>(rows[r]) * width;
    weight[r] = _mm256_set1_ps(weights[r]);
  }
  for (int64_t q = 0; q < width; q += kLanes) {
    __m256 total = kBegin ? _mm256_setzero_ps() : _mm256_load_ps(sum + q);
    for (int r = 0; r < kRows; ++r) total = _mm256_fmadd_ps(weight[r], _mm256_load_ps(row[r] + q), total);
    _mm256_store_ps(sum + q, total);
  }
}

// Adds fewer than kRows + 1 rows at once.
template <int kRows>
inline void SumRest(const WeightedRows& rest, const float* matrix, int64_t width, float* sum) {
  if (rest.count == kRows) {
    SumGroup<kRows, false>(rest.rows, rest.weights, matrix, width, sum);
  } else if constexpr (kRows > 1) {
    SumRest<kRows - 1>(rest, matrix, width, sum);
  }
}

}  // namespace

void SumRows(const WeightedRows& chosen, const float* matrix, int64_t width, float* sum) {
  if (chosen.count < kGroup) {
    std::fill(sum, sum + width, 0.0f);
    return SumRest<kGroup - 1>(chosen, matrix, width, sum);
  }
  SumGroup<kGroup, true>(chosen.rows, chosen.weights, matrix, width, sum);
  AddRows({chosen.rows + kGroup, chosen.weights + kGroup, chosen.count - kGroup}, matrix, width, sum);
}

void AddRows(const WeightedRows& chosen, const float* matrix, int64_t width, float* sum) {
  int64_t done = 0;
  for (; done + kGroup <= chosen.count; done += kGroup) {
    SumGroup<kGroup, false>(chosen.rows + done, chosen.weights + done, matrix, width, sum);
  }
  SumRest<kGroup - 1>({chosen.rows + done, chosen.weights + done, chosen.count - done}, matrix, width, sum);
}

void DotRows(const float* row, const uint32_t* rows, int64_t count, const float* matrix, int64_t width, float* dots) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {  // Four at once, so that `row` is read once for all.
    const float* a = matrix + static_cast<int64_t>(rows[i]) * width;
    const float* b = matrix + static_cast<int64_t>(rows[i + 1]) * width;
    const float* c = matrix + static_cast<int64_t>(rows[i + 2]) * width;
    const float* d = matrix + static_cast<int64_t>(rows[i + 3]) * width;
    // The next four are fetched meanwhile: no processor foresees them.
    const uint32_t* next = rows + (i + 8 <= count ? i + 4 : i);
    const float* ahead[4];
    for (int j = 0; j < 4; ++j) ahead[j] = matrix + static_cast<int64_t>(next[j]) * width;
    __m256 total[8] = {};
    for (int64_t q = 0; q < width; q += 2 * kLanes) {
      for (const float* other : ahead) __builtin_prefetch(other + q);
      for (int half = 0; half < 2; ++half) {
        const int64_t at = q + half * kLanes;
        const __m256 value = _mm256_load_ps(row + at);
        total[half] = _mm256_fmadd_ps(value, _mm256_load_ps(a + at), total[half]);
        total[2 + half] = _mm256_fmadd_ps(value, _mm256_load_ps(b + at), total[2 + half]);
        total[4 + half] = _mm256_fmadd_ps(value, _mm256_load_ps(c + at), total[4 + half]);
        total[6 + half] = _mm256_fmadd_ps(value, _mm256_load_ps(d + at), total[6 + half]);
      }
    }
    for (int j = 0; j < 4; ++j) dots[i + j] = SumLanes(total[2 * j] + total[2 * j + 1]);
  }
  for (; i < count; ++i) dots[i] = Dot(row, matrix + static_cast<int64_t>(rows[i]) * width, width);
}

float Dot(const float* a, const float* b, int64_t width) {
  __m256 total[2] = {};
  for (int64_t q = 0; q < width; q += 2 * kLanes) {
    for (int half = 0; half < 2; ++half) {
      const int64_t at = q + half * kLanes;
      total[half] = _mm256_fmadd_ps(_mm256_load_ps(a + at), _mm256_load_ps(b + at), total[half]);
    }
  }
  return SumLanes(total[0] + total[1]);
}

float SquaredDistance(const float* a, const float* b, int64_t width) {
  __m256 total[2] = {};
  for (int64_t q = 0; q < width; q += 2 * kLanes) {
    for (int half = 0; half < 2; ++half) {
      const int64_t at = q + half * kLanes;
      const __m256 difference = _mm256_load_ps(a + at) - _mm256_load_ps(b + at);
      total[half] = _mm256_fmadd_ps(difference, difference, total[half]);
    }
  }
  return SumLanes(total[0] + total[1]);
}

void AddScaled(const float* __restrict b, float scale, int64_t width, float* __restrict a) {
  for (int64_t q = 0; q < width; ++q) a[q] += scale * b[q];
}

float ScaledError(const float* target, float target_scale, float scale, int64_t width, float* sum) {
  __m256 squares[2] = {};
  const __m256 factor = _mm256_set1_ps(scale);
  const __m256 target_factor = _mm256_set1_ps(target_scale);
  for (int64_t q = 0; q < width; q += 2 * kLanes) {
    for (int half = 0; half < 2; ++half) {
      const int64_t at = q + half * kLanes;
      const __m256 error = _mm256_fnmadd_ps(target_factor, _mm256_load_ps(target + at), _mm256_load_ps(sum + at));
      squares[half] = _mm256_fmadd_ps(error, error, squares[half]);
      _mm256_store_ps(sum + at, factor * error);
    }
  }
  return SumLanes(squares[0] + squares[1]);
}

void AdamRow(const AdamUpdate& update, const float* gradient, int64_t width, float* parameter, float* moment1,
             float* moment2) {
  static const AdamRowFunction adam_row = BestAdamRow();
  adam_row(update, gradient, width, parameter, moment1, moment2);
}

void NormalizeRow(int64_t width, float* row) {
  const float factor = 1 / (std::sqrt(Dot(row, row, width)) + std::numeric_limits<float>::epsilon());
  for (int64_t q = 0; q < width; ++q) row[q] *= factor;
}

}  // namespace seedbed
