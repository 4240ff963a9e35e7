// Which rows change places in the shuffle buffer. Pure: depends on row numbers and the seed alone, so it is the same
// for every hookpoint, on every rank.
#ifndef SEEDBED_SAE_ACTIVATIONS_SHUFFLE_ORDER_H_
#define SEEDBED_SAE_ACTIVATIONS_SHUFFLE_ORDER_H_

#include <cstdint>
#include <vector>

#include "common/random.h"

namespace seedbed {

// A buffer of C = min(capacity, rows) slots. Rows 0..C-1 go to slots 0..C-1. Each further row is stored in a slot that
// is drawn, whose old row comes out. When all rows are in, those in the buffer come out in the order of a Fisher-Yates
// shuffle. So every row comes out once, and C = 1 keeps the order. Not thread-safe.
class ShuffleOrder {
 public:
  // rows >= 1, capacity >= 1.
  ShuffleOrder(int64_t rows, int64_t capacity, uint64_t seed);

  struct Placement {
    int64_t slot = 0;           // Where the row goes.
    bool emits_before = false;  // The row that is in the slot comes out first.
  };

  int64_t slots() const { return static_cast<int64_t>(drain_.size()); }
  int64_t placed() const { return placed_; }
  int64_t rows_left_to_place() const { return rows_ - placed_; }
  int64_t rows_left_to_drain() const { return undrained_; }

  // For the next row; rows_left_to_place() > 0.
  Placement Place();

  // The slot whose row comes out next; all rows are placed and rows_left_to_drain() > 0.
  int64_t Drain();

  // Calls visit(name, address) for all that decides what comes next, besides what the order was made with.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("placed", &placed_);
    visit("undrained", &undrained_);
    visit("drain", &drain_);
    random_.VisitState(visit);
  }

 private:
  int64_t rows_;
  int64_t placed_ = 0;
  int64_t undrained_;
  std::vector<int64_t> drain_;  // Its first undrained_ entries are the slots that still hold a row.
  SplitMix64 random_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SHUFFLE_ORDER_H_
