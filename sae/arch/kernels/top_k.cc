#include "sae/arch/kernels/top_k.h"

#include <immintrin.h>

#include <algorithm>

#include "sae/arch/kernels/float_bits.h"

namespace seedbed {
namespace {

constexpr int64_t kVector = 8;
constexpr int64_t kLaneChunk = 32;  // Lanes whose maxima are held in registers at once.

int64_t RoundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Latent i belongs to lane i mod LaneCount(k).
int64_t LaneCount(int64_t k) { return RoundUp(2 * k, kLaneChunk); }

int64_t CountAtLeast(const float* values, int64_t padded_count, float threshold) {
  const __m256 least = _mm256_set1_ps(threshold);
  int64_t count = 0;
  for (int64_t i = 0; i < padded_count; i += kVector) {
    const int mask = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(values + i), least, _CMP_GE_OQ));
    count += __builtin_popcount(static_cast<unsigned>(mask));
  }
  return count;
}

// Bits of a float t >= 0 that at least k of the values reach, while fewer than k, or just these k, exceed or reach any
// larger candidate for t. Given: at least k values reach `low`, fewer than k reach `high`.
uint32_t KthLargest(const float* values, int64_t padded_count, int64_t k, uint32_t low, uint32_t high) {
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    const int64_t count = CountAtLeast(values, padded_count, FloatOf(middle));
    if (count == k) return middle;
    (count > k ? low : high) = middle;
  }
  return low;
}

// activations = max(0, pre + bias), padded with zeros to `padded`.
void Activate(const float* pre, const float* bias, int64_t n, int64_t padded, float* activations) {
  const __m256 zero = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + kVector <= n; i += kVector) {
    _mm256_storeu_ps(activations + i, _mm256_max_ps(_mm256_loadu_ps(pre + i) + _mm256_loadu_ps(bias + i), zero));
  }
  for (; i < n; ++i) activations[i] = pre[i] + bias[i] > 0 ? pre[i] + bias[i] : 0.0f;
  std::fill(activations + n, activations + padded, 0.0f);
}

// Returns the largest of all.
float LaneMaxima(const float* activations, int64_t padded, int64_t lanes, float* maxima) {
  __m256 largest = _mm256_setzero_ps();
  for (int64_t chunk = 0; chunk < lanes; chunk += kLaneChunk) {
    __m256 most[4] = {};
    for (int64_t i = chunk; i < padded; i += lanes) {
      for (int v = 0; v < 4; ++v) most[v] = _mm256_max_ps(most[v], _mm256_loadu_ps(activations + i + v * kVector));
    }
    for (int v = 0; v < 4; ++v) {
      _mm256_storeu_ps(maxima + chunk + v * kVector, most[v]);
      largest = _mm256_max_ps(largest, most[v]);
    }
  }
  alignas(32) float lane[kVector];
  _mm256_store_ps(lane, largest);
  return *std::max_element(lane, lane + kVector);
}

// The positive activations that reach `bound`, in ascending order of index. Returns how many.
int64_t Collect(const float* activations, int64_t padded, float bound, uint32_t* indices, float* values) {
  const __m256 least = _mm256_set1_ps(bound);
  const __m256 zero = _mm256_setzero_ps();
  int64_t count = 0;
  for (int64_t i = 0; i < padded; i += kVector) {
    const __m256 value = _mm256_loadu_ps(activations + i);
    const __m256 reaches =
        _mm256_and_ps(_mm256_cmp_ps(value, least, _CMP_GE_OQ), _mm256_cmp_ps(value, zero, _CMP_GT_OQ));
    for (unsigned mask = static_cast<unsigned>(_mm256_movemask_ps(reaches)); mask != 0; mask &= mask - 1) {
      const int64_t index = i + __builtin_ctz(mask);
      indices[count] = static_cast<uint32_t>(index);
      values[count++] = activations[index];
    }
  }
  return count;
}

// Keeps k of `count` > k candidates: all above the threshold, and the first of those equal to it.
void KeepLargest(const uint32_t* candidates, const float* candidate_values, int64_t count, int64_t k, float threshold,
                 uint32_t* indices, float* values) {
  const int64_t above = CountAtLeast(candidate_values, RoundUp(count, kVector), FloatOf(BitsOf(threshold) + 1));
  int64_t ties = k - above;
  int64_t kept = 0;
  for (int64_t i = 0; i < count && kept < k; ++i) {
    const bool tie = candidate_values[i] == threshold;
    const bool keep = candidate_values[i] > threshold || (tie && ties > 0);
    ties -= tie;
    indices[kept] = candidates[i];
    values[kept] = candidate_values[i];
    kept += keep;
  }
}

// Writes the first latents that are 0 to indices[count..k).
void FillWithZeros(const float* activations, int64_t count, int64_t k, uint32_t* indices, float* values) {
  for (uint32_t i = 0; count < k; ++i) {
    if (activations[i] > 0) continue;
    indices[count] = i;
    values[count++] = 0;
  }
}

}  // namespace

TopKScratch::TopKScratch(int64_t n, int64_t k)
    : activations_(static_cast<size_t>(n + LaneCount(k))),
      lane_maxima_(static_cast<size_t>(LaneCount(k))),
      candidate_values_(activations_.size() + kVector),
      candidates_(activations_.size()) {}

int64_t SelectTopK(const float* pre, const float* bias, int64_t n, int64_t k, TopKScratch* scratch, uint32_t* indices,
                   float* values) {
  const int64_t lanes = LaneCount(k);
  const int64_t padded = RoundUp(n, lanes);
  float* activations = scratch->activations_.data();
  float* maxima = scratch->lane_maxima_.data();
  Activate(pre, bias, n, padded, activations);
  const uint32_t above_all = BitsOf(LaneMaxima(activations, padded, lanes, maxima)) + 1;
  const uint32_t bound = KthLargest(maxima, lanes, k, 0, above_all);

  uint32_t* candidates = scratch->candidates_.data();
  float* candidate_values = scratch->candidate_values_.data();
  const int64_t count = Collect(activations, padded, FloatOf(bound), candidates, candidate_values);
  if (count <= k) {
    std::copy(candidates, candidates + count, indices);
    std::copy(candidate_values, candidate_values + count, values);
    FillWithZeros(activations, count, k, indices, values);
    return count;
  }
  std::fill(candidate_values + count, candidate_values + RoundUp(count, kVector), -1.0f);
  const uint32_t threshold = KthLargest(candidate_values, RoundUp(count, kVector), k, bound, above_all);
  KeepLargest(candidates, candidate_values, count, k, FloatOf(threshold), indices, values);
  return k;
}

}  // namespace seedbed
