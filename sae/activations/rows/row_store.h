// All rows of one hookpoint, wherever their shards lie.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_STORE_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_STORE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "sae/activations/rows/row_shard.h"

namespace seedbed {

// Immutable, thread-safe.
class RowStore {
 public:
  // The rows of `shards`, one after another. Every shard has the same `format`.
  RowStore(std::vector<RowShard> shards, RowFormat format);

  int64_t rows() const { return ends_.empty() ? 0 : ends_.back(); }
  int64_t width() const { return format_.width; }
  TensorType dtype() const { return format_.type; }
  const std::vector<RowShard>& shards() const { return shards_; }

  // Copies rows [first, first + count), which are there, to `out` [count, width], as float32 (exactly) times `scale`; a
  // scale of 1 leaves float32 bits as they are. Errors: as RowShard::Read.
  absl::Status CopyRows(int64_t first, int64_t count, float scale, float* out) const;

  // Asks the kernel to have the row in memory soon.
  void Prefetch(int64_t row) const;

  // Reading ahead of rows is of no use: they are wanted in a random order.
  void ExpectRandomReads() const;

  // The rows may not fit in memory, so that asking beforehand pays.
  bool larger_than_memory() const;

 private:
  size_t ShardOf(int64_t row) const;
  int64_t StartOf(size_t shard) const { return shard == 0 ? 0 : ends_[shard - 1]; }

  std::vector<RowShard> shards_;
  std::vector<int64_t> ends_;  // By shard: rows up to its end.
  RowFormat format_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_ROW_STORE_H_
