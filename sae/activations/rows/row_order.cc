#include "sae/activations/rows/row_order.h"

#include "sae/activations/stream_seeds.h"

namespace seedbed {

RowOrder::RowOrder(int64_t rows, int64_t epoch, std::optional<uint64_t> seed, int64_t position)
    : rows_(rows), epoch_(epoch), seed_(seed), order_(OrderOf(epoch)), position_(position) {}

int64_t RowOrder::Next() {
  if (position_ == rows_) {
    order_ = OrderOf(++epoch_);
    position_ = 0;
  }
  const int64_t position = position_++;
  return seed_ ? static_cast<int64_t>(order_.At(static_cast<uint64_t>(position))) : position;
}

Permutation RowOrder::OrderOf(int64_t epoch) const {
  return Permutation(static_cast<uint64_t>(rows_), seed_ ? EpochOrderSeed(*seed_, epoch) : 0);
}

}  // namespace seedbed
