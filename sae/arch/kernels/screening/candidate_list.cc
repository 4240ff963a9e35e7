#include "sae/arch/kernels/screening/candidate_list.h"

#include <immintrin.h>

#include <algorithm>
#include <limits>

namespace seedbed {
namespace {

constexpr int64_t kLanes = 8;

unsigned Reaching(const float* uppers, __m256 least) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(uppers), least, _CMP_GE_OQ)));
}

// Positive, and at least the threshold.
float LeastUpper(float threshold) { return std::max(threshold, std::numeric_limits<float>::denorm_min()); }

}  // namespace

CandidateList::CandidateList(int64_t most, int64_t most_appended)
    : most_(most),
      latents_(static_cast<size_t>(most + most_appended)),
      uppers_(static_cast<size_t>(most + most_appended)) {}

void CandidateList::Clear() {
  size_ = 0;
  size_at_threshold_ = 0;
  threshold_ = 0;
}

void CandidateList::Append(const float* uppers, int64_t first, int64_t count) {
  const __m256 least = _mm256_set1_ps(LeastUpper(threshold_));
  int64_t size = size_;
  for (int64_t i = 0; i < count; i += kLanes) {
    for (unsigned mask = Reaching(uppers + i, least); mask != 0; mask &= mask - 1) {
      const int64_t at = i + __builtin_ctz(mask);
      latents_[static_cast<size_t>(size)] = static_cast<uint32_t>(first + at);
      uppers_[static_cast<size_t>(size++)] = uppers[at];
    }
  }
  size_ = size;
}

void CandidateList::RaiseThreshold(float threshold) {
  threshold_ = std::max(threshold_, threshold);
  const float least = LeastUpper(threshold_);
  int64_t kept = 0;
  for (int64_t i = 0; i < size_; ++i) {
    const float upper = uppers_[static_cast<size_t>(i)];
    latents_[static_cast<size_t>(kept)] = latents_[static_cast<size_t>(i)];
    uppers_[static_cast<size_t>(kept)] = upper;
    kept += upper >= least;
  }
  size_ = kept;
  size_at_threshold_ = kept;
}

}  // namespace seedbed
