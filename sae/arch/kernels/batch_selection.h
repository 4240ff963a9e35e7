// The largest activations of a whole batch, whose pre-activations never exist all at once.
#ifndef SEEDBED_SAE_ARCH_KERNELS_BATCH_SELECTION_H_
#define SEEDBED_SAE_ARCH_KERNELS_BATCH_SELECTION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/row_selection.h"

namespace seedbed {

// Keeps the `count` largest positive max(0, pre + bias) of a batch; among equal ones the earlier row, then the lower
// latent wins. With norms of the decoder's rows, the largest by that activation times the latent's norm.
//
// Activations that reach a lower bound on the smallest one kept are candidates: `count` of those seen so far are known
// to reach it. Once twice as many are candidates, the largest `count` of them give a better bound. What the batch
// before kept is a good first guess; if it was too high, too few are found, and the batch is to be seen again without
// one.
//
// Not thread-safe. Memory is O(count) and, once, that of kRowsAtOnce rows of activations.
class BatchSelection {
 public:
  explicit BatchSelection(int64_t latents);

  // A batch of `rows` rows. `norms` [n] or nullptr, kept until Finish.
  void Begin(int64_t rows, int64_t count, const float* norms);

  // The batch's next rows, in their order.
  void Add(const PreActivations& pre);

  // Fills `entries` with what is kept. False = the guess was too high: Begin and Add again.
  bool Finish(RowEntries* entries);

 private:
  // Rows that are looked at before the candidates are cut down.
  static constexpr int64_t kRowsAtOnce = 128;

  void AddRows(const PreActivations& pre, int64_t begin, int64_t end);
  void AppendPiece(int64_t piece, int64_t first_row, int64_t rows);
  float Rank(int64_t candidate) const;
  // Cuts the candidates down to the `count_` largest; there are more. Sets the bound to the smallest of them.
  void KeepLargest();
  void Grow(int64_t capacity);

  const int64_t latents_;
  int64_t rows_ = 0;
  int64_t count_ = 0;
  const float* norms_ = nullptr;
  float bound_ = 0;          // Ranks below it are no candidates.
  float guess_ = 0;          // What the next batch starts from.
  bool is_guessed_ = false;  // The bound is not known to be one.

  // Candidates in order of row, then latent.
  int64_t candidates_ = 0;
  int64_t capacity_ = 0;
  std::unique_ptr<uint32_t[]> candidate_latents_;
  std::unique_ptr<float[]> values_;
  std::unique_ptr<float[]> ranks_;
  std::vector<int32_t> counts_;  // [rows]
  // What was found in each piece of kRowsAtOnce rows. Memory that isn't written to takes no room.
  std::unique_ptr<uint32_t[]> piece_latents_;  // [kRowsAtOnce, n]
  std::unique_ptr<float[]> piece_values_;      // [kRowsAtOnce, n]
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_BATCH_SELECTION_H_
