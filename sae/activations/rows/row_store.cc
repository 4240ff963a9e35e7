#include "sae/activations/rows/row_store.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/status.h"
#include "sae/activations/rows/row_values.h"

namespace seedbed {
namespace {

// Small enough to stay in the processor's first cache between reading and converting.
constexpr int64_t kValuesAtOnce = 8192;

int64_t PhysicalMemoryBytes() { return int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE); }

// Values [first, first + count) of the shard as float32.
absl::Status ReadFloats(const RowShard& shard, int64_t first, int64_t count, float scale, float* out) {
  const TensorType type = shard.format().type;
  if (type == TensorType::kF32) {
    RETURN_IF_ERROR(shard.Read(first, count, out));
    ToFloats(type, out, count, scale, out);
    return absl::OkStatus();
  }
  alignas(64) uint16_t halves[kValuesAtOnce];
  for (int64_t done = 0; done < count; done += kValuesAtOnce) {
    const int64_t values = std::min(kValuesAtOnce, count - done);
    RETURN_IF_ERROR(shard.Read(first + done, values, halves));
    ToFloats(type, halves, values, scale, out + done);
  }
  return absl::OkStatus();
}

}  // namespace

RowStore::RowStore(std::vector<RowShard> shards, RowFormat format) : shards_(std::move(shards)), format_(format) {
  int64_t end = 0;
  for (const RowShard& shard : shards_) ends_.push_back(end += shard.rows());
}

size_t RowStore::ShardOf(int64_t row) const {
  return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), row) - ends_.begin());
}

absl::Status RowStore::CopyRows(int64_t first, int64_t count, float scale, float* out) const {
  for (size_t shard = ShardOf(first); count > 0; ++shard) {
    const int64_t rows = std::min(count, ends_[shard] - first);
    RETURN_IF_ERROR(ReadFloats(shards_[shard], (first - StartOf(shard)) * width(), rows * width(), scale, out));
    first += rows;
    count -= rows;
    out += rows * width();
  }
  return absl::OkStatus();
}

void RowStore::Prefetch(int64_t row) const {
  const size_t shard = ShardOf(row);
  shards_[shard].Prefetch(row - StartOf(shard), 1);
}

void RowStore::ExpectRandomReads() const {
  for (const RowShard& shard : shards_) shard.ExpectRandomReads();
}

bool RowStore::larger_than_memory() const { return rows() * format_.row_bytes() > PhysicalMemoryBytes() / 2; }

}  // namespace seedbed
