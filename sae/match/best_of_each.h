// The best few of what is offered to each of some rows, in bounded memory.
#ifndef SEEDBED_SAE_MATCH_BEST_OF_EACH_H_
#define SEEDBED_SAE_MATCH_BEST_OF_EACH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace seedbed {

struct Scored {
  float score = 0;
  int32_t index = 0;
};

// Of equal scores those are better whose index follows the row's own number, counted around the end: so rows that are
// all alike prefer different partners, and what is kept does not depend on the order of the offers. Indices are in
// [0, others). Rows are independent of one another: different threads may use different ones.
class BestOfEach {
 public:
  // For rows numbered first_row, first_row + 1, ... that are told apart by their position.
  BestOfEach(int64_t rows, int64_t most, int64_t others, int64_t first_row = 0);

  // Nothing below this score would be kept; -infinity as long as fewer than `most` were offered.
  float threshold(int64_t row) const { return thresholds_[static_cast<size_t>(row)]; }
  const float* thresholds() const { return thresholds_.data(); }

  // From now on nothing below `score` is kept.
  void RaiseThreshold(int64_t row, float score) { thresholds_[static_cast<size_t>(row)] = score; }

  // Ignores what is below the threshold. An index may be offered to a row once.
  void Offer(int64_t row, float score, int32_t index);

  // The best, best first. The threshold becomes exact: no score above it was dropped.
  std::vector<Scored> Finish(int64_t row);

  // Forgets everything; the rows are numbered from `first_row`.
  void Clear(int64_t first_row);

 private:
  // Score and index in one word, of which the larger is the better.
  uint64_t KeyOf(int64_t row, Scored scored) const;
  Scored ScoredOf(int64_t row, uint64_t key) const;
  int64_t NumberOf(int64_t row) const { return (first_row_ + row) % others_; }
  void KeepBest(int64_t row);

  int64_t most_;
  int64_t others_;
  int64_t first_row_;
  std::vector<uint64_t> kept_;  // [rows, 2 most] Keys.
  std::vector<int32_t> counts_;
  std::vector<float> thresholds_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_BEST_OF_EACH_H_
