// Batches of rows that lie on disk, read ahead of whoever trains on them.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROWS_SHUFFLED_ROWS_H_
#define SEEDBED_SAE_ACTIVATIONS_ROWS_SHUFFLED_ROWS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "sae/activations/batch_hash.h"
#include "sae/activations/rows/row_order.h"
#include "sae/activations/rows/row_store.h"

namespace seedbed {

struct ShuffledRowsOptions {
  std::vector<RowStore> stores;  // By hosted hookpoint, each of at least `rows` rows.
  std::vector<float> scales;     // By hosted hookpoint: what values are multiplied by. 1 leaves them as they are.
  int64_t rows = 0;              // Of an epoch: the first of each store; >= 1.
  std::optional<uint64_t> seed;  // The stream's, of the order (row_order.h). None: as they lie.
  int64_t first_epoch = 0;
  int64_t first_row = 0;  // Of first_epoch, <= rows: where the first batch begins.
  int64_t batch_rows = 0;
  int64_t batches = 0;
  // By hosted hookpoint: float32 [any, width], contiguous, on the CPU: rows that the first batch begins with, fewer
  // than batch_rows. They are copied, not scaled. None: the first batch begins with the first epoch.
  std::vector<at::Tensor> head;
};

struct RowBatch {
  // By hosted hookpoint: float32 [batch_rows, width] on the CPU, contiguous and 64-byte aligned.
  std::vector<at::Tensor> rows;
  std::vector<BatchHash::Bytes> hashes;  // By hosted hookpoint: BatchHash::OfBatch.
};

// While the caller trains on one batch, a thread of this object gathers and hashes the next into a second set of
// buffers, so that a step does not wait for random access to a disk. The thread uses none of LibTorch's. Batches follow
// each other through all epochs without a gap. Not thread-safe for its caller.
class ShuffledRows {
 public:
  explicit ShuffledRows(ShuffledRowsOptions options);
  // Stops the thread, after the row that it is reading.
  ~ShuffledRows();

  // The next batch, which stays as it is until the next call; null after the last. Errors: as RowShard::Read; the
  // object is then of no more use.
  absl::StatusOr<const RowBatch*> Next();

 private:
  void CopyHead();

  // All of this runs in the thread.
  void ReadAhead();
  bool AwaitFreeBuffer();
  absl::Status Fill(int64_t batch);
  // Rows batch_order_ of a store.
  absl::Status Gather(size_t store, float* out) const;
  void PrefetchBatch();

  ShuffledRowsOptions options_;
  int64_t head_rows_;
  std::array<RowBatch, 2> buffers_;  // Batch t is in buffers_[t % 2].

  // The thread's own.
  RowOrder order_;
  RowOrder prefetch_order_;           // Ahead of order_.
  bool prefetches_;                   // The rows may not fit in memory.
  std::vector<int64_t> batch_order_;  // Rows of the batch that is being filled, after the head.

  std::atomic<bool> stopped_{false};
  absl::Mutex mutex_;
  int64_t filled_ ABSL_GUARDED_BY(mutex_) = 0;    // Batches that were gathered.
  int64_t released_ ABSL_GUARDED_BY(mutex_) = 0;  // Batches whose buffers the caller is done with.
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  int64_t taken_ = 0;  // The caller's own: batches that it was given.
  std::thread thread_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROWS_SHUFFLED_ROWS_H_
