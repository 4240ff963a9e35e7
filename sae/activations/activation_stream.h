// The batches of activations that SAEs are trained on.
//
// Batch t is a function of the StreamConfig, the hookpoint and the source (the language model and the token files, or
// the files of a folder) alone: not of the number of ranks, of who hosts what, of what is trained, nor of a cache. It
// is defined so:
//
// a. Sequences. Sequence i of the stream, i < sequences, is the one that TokenMixture (token_mixture.h) defines: files
//    take turns in the proportion of their weights, and the k-th of a file of F sequences is its sequence P(k), where P
//    is a permutation of [0, F) keyed by the seed (permutation.h, stream_seeds.h) when `shuffled`, or the identity.
// b. Micro-batches. The language model always runs on sequences [m S, (m+1) S) of the stream, S =
//    micro_batch_sequences (the last micro-batch may be shorter), so that every activation comes from the same kernel
//    call wherever it is computed. Block b is micro-batches [b M, (b+1) M), M = block_micro_batches. In a block of n,
//    rank r of R runs micro-batches [r n / R, (r+1) n / R) (block_plan.h).
// c. Rows. The first exclude_first positions of every sequence, the padding at its end and the positions of excluded
//    tokens are left out; the other rows, in order of sequence and position, are rows 0 .. N-1 of epoch 0. They are
//    rounded to the stream's dtype once, where they are harvested.
// d. Exchange. In each block one all-to-all brings every rank's rows of each hookpoint, in rank order, to the ranks
//    that host an SAE of that hookpoint (exchange.h).
// e. Epoch 0 is mixed by a reservoir exchange over min(shuffle_rows, N) slots, seeded by MixingSeed(seed)
//    (shuffle_order.h).
// f. Epoch e >= 1 takes row P_e(i) as its i-th, where P_e is a permutation of [0, N) keyed by EpochOrderSeed(seed, e).
//    The rows were kept on disk in epoch 0, so the model runs once.
// g. Batches. Batch t is rows [t B, (t+1) B), B = batch_tokens, of all epochs one after another, as float32. A last
//    batch that is not full is dropped.
// h. Normalisation. With normalize_rows > 0 every row is multiplied by one constant a hookpoint, the one that makes the
//    mean squared norm of the first normalize_rows rows (of point c; of a folder: in the order of epoch 0) the row's
//    width (row_scale.h).
//
// Rows of a folder (folder_stream.h) have no points a to e: every epoch, the first one too, takes them as in point f
// when `shuffled`, and as they lie otherwise.
#ifndef SEEDBED_SAE_ACTIVATIONS_ACTIVATION_STREAM_H_
#define SEEDBED_SAE_ACTIVATIONS_ACTIVATION_STREAM_H_

#include <cstdint>
#include <map>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sae/activations/batch_hash.h"
#include "sae/checkpoint/state_tensors.h"

namespace seedbed {

struct Batch {
  int64_t index = 0;
  // By hookpoint: float32 [batch_tokens, width], on the CPU, contiguous and 64-byte aligned; undefined where this rank
  // hosts no SAE of it. Belongs to the stream and is overwritten by the next call of Next.
  std::vector<at::Tensor> activations;
};

// Where a stream begins: at its first batch, or after as many as another stream of the same config had given, on any
// number of ranks, when these states were taken of it. The same number on every rank.
struct StreamStart {
  int64_t batches = 0;
  // By hookpoint: ActivationStream::State. Of all that are hosted here, and of any one where none is.
  std::map<int, StateTensors> states;
};

// Of this rank, since the stream was made.
struct StreamCounters {
  int64_t tokens_harvested = 0;      // Through the language model, by this rank.
  int64_t exchange_bytes_sent = 0;   // To other ranks.
  int64_t rows_from_cache = 0;       // Instead of from the language model, over all hookpoints hosted here.
  int64_t cache_shards_refused = 0;  // Damaged, and harvested again.
  absl::Duration harvest_time;
  absl::Duration exchange_time;  // Waiting for slower ranks included.
  absl::Duration spool_time;     // Writing rows to disk.
  absl::Duration stall_time;     // What else a batch had to be waited for: mixing, reading, hashing.
};

// Not thread-safe.
class ActivationStream {
 public:
  virtual ~ActivationStream() = default;

  // Puts the next batch into `batch`; false at the end. While !harvested() every rank has to call it, also one that
  // hosts nothing. After an error the stream is of no more use. LibTorch's exceptions pass through.
  virtual absl::StatusOr<bool> Next(Batch* batch) = 0;

  // The language model and the collectives are used no more; this rank has left the group (Collectives::Leave).
  virtual bool harvested() const = 0;

  // Through the language model, by all ranks; within a block, judged by this rank's part of it.
  virtual int64_t gang_tokens_harvested() const = 0;
  // Less than the stream's tokens where a cache has blocks of it.
  virtual int64_t tokens_to_harvest() const = 0;

  virtual StreamCounters counters() const = 0;

  // Of all batches so far, for a hookpoint that is hosted here.
  virtual const BatchHash& hash(int hookpoint) const = 0;

  // Between two batches, from the first one on: what a stream needs to go on from here with the rows of a hookpoint
  // that is hosted here, in the stream's own memory until the next call of Next (state_tensors.h).
  virtual StateTensors State(int hookpoint) = 0;

  // What the rows of a hookpoint that is hosted here are multiplied by; 1 without normalisation. Known from the first
  // batch on.
  virtual float scale(int hookpoint) const = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ACTIVATION_STREAM_H_
