// The largest activations of a whole batch, whose pre-activations never exist all at once.
#ifndef SEEDBED_SAE_ARCH_KERNELS_BATCH_SELECTION_H_
#define SEEDBED_SAE_ARCH_KERNELS_BATCH_SELECTION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "sae/arch/kernels/latent_order.h"

namespace seedbed {

// Some rows' activations that reach a bound: of one row after the other, in ascending order of latent.
struct ReachingRows {
  int64_t first_row;
  int64_t rows;
  const int32_t* counts;    // [rows]
  const uint32_t* latents;  // [sum of counts]
  const float* values;      // [sum of counts]
};

// Keeps the `count` largest positive activations of a batch; among equal ones the earlier row, then the lower latent
// wins. With norms of the decoder's rows, the largest by rank: activation times the latent's norm.
//
// Activations that reach a lower bound on the smallest one kept are candidates: `count` of those seen so far are known
// to reach it. Once twice as many are candidates, the largest `count` of them give a better bound. What the batch
// before kept is a good first guess; if it was too high, too few are found, and the batch is to be seen again with a
// lower one. What is kept depends on no bound.
//
// Not thread-safe. Memory is O(count).
class BatchSelection {
 public:
  // A batch of `rows` rows. `norms` [n] or nullptr, kept until Finish.
  void Begin(int64_t rows, int64_t count, const float* norms);

  // The least rank of a candidate; 0 = every positive activation is one.
  float bound() const { return bound_; }
  const float* norms() const { return norms_; }
  // Takes another guess in place of a bound of 0, before the first rows.
  void Guess(float bound);

  // The batch's next rows, in their order, with what reaches the bound, or one that was lower.
  void Append(const ReachingRows& found);

  // Fills `entries` with what is kept. False = the guess was too high: Begin and Append again.
  bool Finish(RowEntries* entries);

 private:
  float Rank(int64_t candidate) const;
  float SmallestRank() const;
  // Cuts the candidates down to the `count_` largest; there are more. Sets the bound to the smallest of them.
  void KeepLargest();
  void Grow(int64_t capacity);

  int64_t rows_ = 0;
  int64_t count_ = 0;
  const float* norms_ = nullptr;
  float bound_ = 0;
  float smallest_ = 0;       // The least rank that the last full batch kept.
  float guess_ = 0;          // What the next batch starts from.
  bool is_guessed_ = false;  // The bound is not known to be one.

  // Candidates in order of row, then latent.
  int64_t candidates_ = 0;
  int64_t capacity_ = 0;
  std::unique_ptr<uint32_t[]> candidate_latents_;
  std::unique_ptr<float[]> values_;
  std::unique_ptr<float[]> ranks_;
  std::vector<int32_t> counts_;  // [rows]
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_BATCH_SELECTION_H_
