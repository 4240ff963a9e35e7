// Which row of a stream comes when, epoch after epoch.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_ORDER_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_ORDER_H_

#include <cstdint>
#include <optional>

#include "sae/activations/permutation.h"

namespace seedbed {

// Epoch e takes row P_e(i) as its i-th, where P_e is a permutation of all rows keyed by EpochOrderSeed(seed, e)
// (stream_seeds.h), or the identity. Goes forward only. Not thread-safe.
class RowOrder {
 public:
  // Begins with row `position` of epoch `epoch`, position <= rows. rows >= 1. Without a `seed` rows come as they lie.
  RowOrder(int64_t rows, int64_t epoch, std::optional<uint64_t> seed, int64_t position = 0);

  // The next row's number, in [0, rows).
  int64_t Next();

 private:
  Permutation OrderOf(int64_t epoch) const;

  int64_t rows_;
  int64_t epoch_;
  std::optional<uint64_t> seed_;
  Permutation order_;
  int64_t position_;  // In the epoch.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_ORDER_H_
