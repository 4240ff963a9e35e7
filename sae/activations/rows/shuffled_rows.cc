#include "sae/activations/rows/shuffled_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ATen/ops/empty.h"
#include "common/status.h"

namespace seedbed {
namespace {

// How far the kernel is asked for rows before they are read: far enough for a disk that takes many requests at once,
// and not so far that rows are dropped again before their turn.
constexpr int kPrefetchedBatches = 2;

RowBatch MakeBuffers(const std::vector<RowStore>& stores, int64_t batch_rows) {
  RowBatch batch;
  for (const RowStore& store : stores) batch.rows.push_back(at::empty({batch_rows, store.width()}, at::kFloat));
  batch.hashes.resize(stores.size());
  return batch;
}

}  // namespace

ShuffledRows::ShuffledRows(ShuffledRowsOptions options)
    : options_(std::move(options)),
      head_rows_(options_.head.empty() ? 0 : options_.head.front().size(0)),
      buffers_({MakeBuffers(options_.stores, options_.batch_rows), MakeBuffers(options_.stores, options_.batch_rows)}),
      order_(options_.rows, options_.first_epoch, options_.seed, options_.first_row),
      prefetch_order_(options_.rows, options_.first_epoch, options_.seed, options_.first_row),
      prefetches_(options_.seed.has_value() &&
                  std::any_of(options_.stores.begin(), options_.stores.end(),
                              [](const RowStore& store) { return store.larger_than_memory(); })) {
  if (prefetches_) {
    for (const RowStore& store : options_.stores) store.ExpectRandomReads();
  }
  CopyHead();
  thread_ = std::thread([this] { ReadAhead(); });
}

ShuffledRows::~ShuffledRows() {
  {
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  thread_.join();
}

void ShuffledRows::CopyHead() {
  for (size_t i = 0; i < options_.head.size(); ++i) {
    std::memcpy(buffers_[0].rows[i].data_ptr(), options_.head[i].const_data_ptr(), options_.head[i].nbytes());
  }
  options_.head.clear();
}

absl::StatusOr<const RowBatch*> ShuffledRows::Next() {
  const absl::MutexLock lock(&mutex_);
  released_ = taken_;
  if (taken_ == options_.batches) return nullptr;
  const auto decided = [this] { return filled_ > taken_ || !status_.ok(); };
  mutex_.Await(absl::Condition(&decided));
  if (filled_ == taken_) return status_;
  return &buffers_[static_cast<size_t>(taken_++ % 2)];
}

void ShuffledRows::ReadAhead() {
  for (int i = 0; i < kPrefetchedBatches; ++i) PrefetchBatch();
  for (int64_t batch = 0; batch < options_.batches && AwaitFreeBuffer(); ++batch) {
    const absl::Status filled = Fill(batch);
    const absl::MutexLock lock(&mutex_);
    status_ = filled;
    if (!filled.ok()) return;
    ++filled_;
  }
}

// False when there is nobody left who would take a batch.
bool ShuffledRows::AwaitFreeBuffer() {
  const absl::MutexLock lock(&mutex_);
  const auto decided = [this] { return stopped_ || filled_ - released_ < static_cast<int64_t>(buffers_.size()); };
  mutex_.Await(absl::Condition(&decided));
  return !stopped_;
}

absl::Status ShuffledRows::Fill(int64_t batch) {
  const int64_t from_head = batch == 0 ? head_rows_ : 0;
  batch_order_.resize(static_cast<size_t>(options_.batch_rows - from_head));
  std::generate(batch_order_.begin(), batch_order_.end(), [this] { return order_.Next(); });
  RowBatch& buffer = buffers_[static_cast<size_t>(batch % 2)];
  for (size_t i = 0; i < options_.stores.size(); ++i) {
    auto* out = static_cast<float*>(buffer.rows[i].data_ptr());
    RETURN_IF_ERROR(Gather(i, out + from_head * options_.stores[i].width()));
    buffer.hashes[i] = BatchHash::OfBatch(buffer.rows[i]);
  }
  PrefetchBatch();
  return absl::OkStatus();
}

absl::Status ShuffledRows::Gather(size_t store, float* out) const {
  const RowStore& rows = options_.stores[store];
  for (auto first = batch_order_.begin(); first != batch_order_.end();) {
    if (stopped_) return absl::CancelledError("nobody takes the batch");
    auto last = first;
    while (last + 1 != batch_order_.end() && last[1] == last[0] + 1) ++last;
    const int64_t count = last - first + 1;
    RETURN_IF_ERROR(rows.CopyRows(*first, count, options_.scales[store], out));
    out += count * rows.width();
    first = last + 1;
  }
  return absl::OkStatus();
}

void ShuffledRows::PrefetchBatch() {
  if (!prefetches_) return;
  for (int64_t i = 0; i < options_.batch_rows && !stopped_; ++i) {
    const int64_t row = prefetch_order_.Next();
    for (const RowStore& store : options_.stores) store.Prefetch(row);
  }
}

}  // namespace seedbed
