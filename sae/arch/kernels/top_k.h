// The k largest activations of one row, in one pass over it and a few looks at some candidates.
#ifndef SEEDBED_SAE_ARCH_KERNELS_TOP_K_H_
#define SEEDBED_SAE_ARCH_KERNELS_TOP_K_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// Scratch memory for rows of up to `n` latents and selections of up to `k`, for one thread at a time.
class TopKScratch {
 public:
  TopKScratch(int64_t n, int64_t k);

 private:
  friend int64_t SelectTopK(const float*, const float*, int64_t, int64_t, TopKScratch*, uint32_t*, float*);
  std::vector<float> activations_;
  std::vector<float> lane_maxima_;
  std::vector<float> candidate_values_;
  std::vector<uint32_t> candidates_;
};

// Of the activations a_i = max(0, pre[i] + bias[i]), i < n, the k largest, 1 <= k <= n; among equal ones the lower
// index wins. Writes k indices and values: first the positive activations in ascending order of index, whose number is
// returned, then, when there are fewer than k, the first latents that are 0. A NaN counts as 0.
//
// A lower bound on the k-th largest comes from the maxima of >= 2k groups: the k-th largest of those. About 1.4 k
// values reach it. Bisecting over the bit patterns of non-negative floats, which are ordered as the floats are, then
// finds a threshold that exactly k of them reach (or a tie) in at most 31 counts, typically 6.
int64_t SelectTopK(const float* pre, const float* bias, int64_t n, int64_t k, TopKScratch* scratch, uint32_t* indices,
                   float* values);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_TOP_K_H_
