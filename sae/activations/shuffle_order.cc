#include "sae/activations/shuffle_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace seedbed {

ShuffleOrder::ShuffleOrder(int64_t rows, int64_t capacity, uint64_t seed)
    : rows_(rows), undrained_(std::min(rows, capacity)), drain_(static_cast<size_t>(undrained_)), random_(seed) {
  std::iota(drain_.begin(), drain_.end(), int64_t{0});
}

ShuffleOrder::Placement ShuffleOrder::Place() {
  const int64_t row = placed_++;
  if (row < slots()) return {row, false};
  return {static_cast<int64_t>(random_.Below(static_cast<uint64_t>(slots()))), true};
}

int64_t ShuffleOrder::Drain() {
  const auto drawn = static_cast<size_t>(random_.Below(static_cast<uint64_t>(undrained_)));
  --undrained_;
  std::swap(drain_[drawn], drain_[static_cast<size_t>(undrained_)]);
  return drain_[static_cast<size_t>(undrained_)];
}

}  // namespace seedbed
