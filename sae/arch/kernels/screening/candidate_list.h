// The latents of one row that may belong to its k largest activations.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_CANDIDATE_LIST_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_CANDIDATE_LIST_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// Candidates in ascending order of index, each with an upper bound of its activation that is positive and at least the
// threshold, which is a lower bound of the k-th largest activation. Memory for all is reserved at the start.
class CandidateList {
 public:
  // Overflows when there are more than `most`; up to `most_appended` may come at once.
  CandidateList(int64_t most, int64_t most_appended);

  void Clear();

  // Those of the upper bounds of latents [first, first + count) that reach the threshold; count is a multiple of 8.
  // Must not be called while it overflows.
  void Append(const float* uppers, int64_t first, int64_t count);

  // Drops what doesn't reach the new threshold; a lower one changes nothing.
  void RaiseThreshold(float threshold);

  float threshold() const { return threshold_; }
  bool overflowed() const { return size_ > most_; }
  int64_t size() const { return size_; }
  const uint32_t* latents() const { return latents_.data(); }
  const float* uppers() const { return uppers_.data(); }

  // How many there were when the threshold was last raised.
  int64_t size_at_threshold() const { return size_at_threshold_; }

 private:
  const int64_t most_;
  std::vector<uint32_t> latents_;
  std::vector<float> uppers_;
  int64_t size_ = 0;
  int64_t size_at_threshold_ = 0;
  float threshold_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_CANDIDATE_LIST_H_
