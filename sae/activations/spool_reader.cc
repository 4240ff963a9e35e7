#include "sae/activations/spool_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ATen/Parallel.h"
#include "sae/activations/stream_seeds.h"

namespace seedbed {
namespace {

// Rows that a thread copies at the least.
constexpr int64_t kGrainRows = 64;

}  // namespace

SpoolReader::SpoolReader(std::vector<SpooledRows> spools, int64_t rows, int64_t width, uint64_t seed)
    : spools_(std::move(spools)),
      rows_(rows),
      width_(width),
      seed_(seed),
      order_(static_cast<uint64_t>(rows), EpochOrderSeed(seed, 1)) {}

void SpoolReader::Fill(BatchBuilder& batch) {
  if (position_ == rows_) BeginNextEpoch();
  const int64_t count = std::min(batch.rows_left(), rows_ - position_);
  batch.AppendMany(count, [&](size_t i, float* out) { Gather(spools_[i], count, out); });
  position_ += count;
  PrefetchBatch(count);
}

void SpoolReader::BeginNextEpoch() {
  ++epoch_;
  order_ = Permutation(static_cast<uint64_t>(rows_), EpochOrderSeed(seed_, epoch_));
  position_ = 0;
}

void SpoolReader::Gather(const SpooledRows& spool, int64_t count, float* out) const {
  at::parallel_for(0, count, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto row = static_cast<int64_t>(order_.At(static_cast<uint64_t>(position_ + i)));
      std::memcpy(out + i * width_, spool.Row(row), static_cast<size_t>(width_) * sizeof(float));
    }
  });
}

void SpoolReader::PrefetchBatch(int64_t batch_rows) const {
  const int64_t end = std::min(position_ + batch_rows, rows_);
  for (const SpooledRows& spool : spools_) {
    if (!spool.larger_than_memory()) continue;
    for (int64_t i = position_; i < end; ++i) {
      spool.Prefetch(static_cast<int64_t>(order_.At(static_cast<uint64_t>(i))));
    }
  }
}

}  // namespace seedbed
