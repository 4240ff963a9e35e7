#include "sae/arch/kernels/dense_reach.h"

#include <immintrin.h>

#include <algorithm>

#include "sae/arch/kernels/batch.h"
#include "sae/arch/kernels/parallel.h"

namespace seedbed {
namespace {

constexpr int64_t kVector = 8;

// One row's positive activations whose rank reaches `bound`, in ascending order of latent. Returns how many.
int64_t Collect(const PreActivations& pre, int64_t row, const float* norms, float bound, uint32_t* latents,
                float* values) {
  const float* activations = pre.values + row * pre.latents;
  const __m256 least = _mm256_set1_ps(bound);
  const __m256 zero = _mm256_setzero_ps();
  int64_t found = 0;
  int64_t i = 0;
  for (; i + kVector <= pre.latents; i += kVector) {
    const __m256 value = _mm256_loadu_ps(activations + i) + _mm256_loadu_ps(pre.bias + i);
    const __m256 rank = norms == nullptr ? value : value * _mm256_loadu_ps(norms + i);
    const __m256 reaches = _mm256_and_ps(_mm256_cmp_ps(rank, least, _CMP_GE_OQ), _mm256_cmp_ps(rank, zero, _CMP_GT_OQ));
    unsigned mask = static_cast<unsigned>(_mm256_movemask_ps(reaches));
    if (mask == 0) continue;
    alignas(32) float lanes[kVector];
    _mm256_store_ps(lanes, value);
    for (; mask != 0; mask &= mask - 1) {
      const int lane = __builtin_ctz(mask);
      latents[found] = static_cast<uint32_t>(i + lane);
      values[found++] = lanes[lane];
    }
  }
  for (; i < pre.latents; ++i) {
    const float value = activations[i] + pre.bias[i];
    const float rank = norms == nullptr ? value : value * norms[i];
    latents[found] = static_cast<uint32_t>(i);
    values[found] = value;
    found += static_cast<int64_t>(rank > 0 && rank >= bound);
  }
  return found;
}

}  // namespace

DenseReach::DenseReach(int64_t latents)
    : latents_(latents),
      counts_(static_cast<size_t>(kRowsAtOnce)),
      piece_latents_(new uint32_t[static_cast<size_t>(kRowsAtOnce * latents)]),
      piece_values_(new float[static_cast<size_t>(kRowsAtOnce * latents)]) {}

void DenseReach::AddTo(const PreActivations& pre, BatchSelection* selection) {
  for (int64_t begin = 0; begin < pre.rows; begin += kRowsAtOnce) {
    AddRows(pre, begin, std::min(pre.rows, begin + kRowsAtOnce), selection);
  }
}

void DenseReach::AddRows(const PreActivations& pre, int64_t begin, int64_t end, BatchSelection* selection) {
  const float bound = selection->bound();
  const float* norms = selection->norms();
  ForEachPiece(end - begin, kRowsInPiece, [&](int64_t first, int64_t last, int) {
    int64_t place = first * latents_;
    for (int64_t r = first; r < last; ++r) {
      const int64_t found =
          Collect(pre, begin + r, norms, bound, piece_latents_.get() + place, piece_values_.get() + place);
      counts_[static_cast<size_t>(r)] = static_cast<int32_t>(found);
      place += found;
    }
  });
  for (int64_t first = 0; first < end - begin; first += kRowsInPiece) {
    selection->Append({pre.first_row + begin + first, std::min(kRowsInPiece, end - begin - first),
                       counts_.data() + first, piece_latents_.get() + first * latents_,
                       piece_values_.get() + first * latents_});
  }
}

}  // namespace seedbed
