#include "sae/evaluation/counted_positions.h"

#include <ATen/ops/tensor.h>

#include <cstdint>
#include <vector>

namespace seedbed {

// Row r of [sequences * length] is position r % length of its sequence.
at::Tensor CountedPositions(const MicroBatch& micro_batch) {
  const int64_t length = micro_batch.tokens.size(1);
  const int64_t* const kept_rows = micro_batch.kept_rows.const_data_ptr<int64_t>();
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < micro_batch.kept_rows.numel(); ++i) {
    const int64_t row = kept_rows[i];
    if (row % length < length - 1) positions.push_back(row / length * (length - 1) + row % length);
  }
  return at::tensor(positions, at::kLong);
}

}  // namespace seedbed
