// The batches of activations that SAEs are trained on.
//
// Batch t is a function of the StreamConfig, the language model, the token files and the hookpoint alone: not of the
// number of ranks, of who hosts what, or of what is trained. It is defined so:
//
// a. Sequences. File j of the mixture has F_j = floor(tokens / sequence_length) sequences, of which n_j are taken.
//    Sequence i of the stream, i < sequences, is the k-th taken from file j, where (j, k) is place i of the
//    interleaving of lists of n_j (interleaving.h): the file's sequence P_j(k), where P_j is a permutation of [0, F_j)
//    keyed by SequenceOrderSeed(seed, j) (permutation.h, stream_seeds.h) when `shuffled`, and the identity otherwise.
// b. Micro-batches. The language model always runs on sequences [m S, (m+1) S) of the stream, S =
//    micro_batch_sequences (the last micro-batch may be shorter), so that every activation comes from the same kernel
//    call wherever it is computed. Block b is micro-batches [b M, (b+1) M), M = block_micro_batches. In a block of n,
//    rank r of R runs micro-batches [r n / R, (r+1) n / R) (block_plan.h).
// c. Rows. Of every sequence the first exclude_first positions, the tokens of exclude_tokens and the run of
//    padding_token at its end are left out (exclusion.h); the other rows, in order of sequence and position, are rows
//    0 .. N-1 of epoch 0.
// d. Exchange. In each block and for each hookpoint, one all-to-all brings every rank's rows, in rank order, to the
//    ranks that host an SAE of that hookpoint (exchange.h).
// e. Epoch 0 is mixed by a reservoir exchange over min(shuffle_rows, N) slots, seeded by MixingSeed(seed)
//    (shuffle_order.h).
// f. Epoch e >= 1 takes row P_e(i) as its i-th, where P_e is a permutation of [0, N) keyed by EpochOrderSeed(seed, e).
//    The rows were spooled to disk in epoch 0, so the model runs once.
// g. Batches. Batch t is rows [t B, (t+1) B), B = batch_tokens, of all epochs one after another. A last batch that is
//    not full is dropped.
#ifndef SEEDBED_SAE_ACTIVATIONS_ACTIVATION_STREAM_H_
#define SEEDBED_SAE_ACTIVATIONS_ACTIVATION_STREAM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "sae/activations/batch_builder.h"
#include "sae/activations/batch_hash.h"
#include "sae/activations/block_plan.h"
#include "sae/activations/exchange.h"
#include "sae/activations/harvester.h"
#include "sae/activations/mixer.h"
#include "sae/activations/sequence_source.h"
#include "sae/activations/spool.h"
#include "sae/activations/spool_reader.h"
#include "sae/activations/stream_config.h"
#include "sae/activations/token_mixture.h"
#include "sae/collectives/collectives.h"
#include "sae/lm/language_model.h"

namespace seedbed {

struct Batch {
  int64_t index = 0;
  // By hookpoint: float32 [batch_tokens, d_model] on the CPU, contiguous and 64-byte aligned; undefined where this rank
  // hosts no SAE of it. Belongs to the stream and is overwritten by the next call of Next.
  std::vector<at::Tensor> activations;
};

// Of this rank, since the stream was made.
struct StreamCounters {
  int64_t tokens_harvested = 0;     // Through the language model, by this rank.
  int64_t exchange_bytes_sent = 0;  // To other ranks.
  absl::Duration harvest_time;
  absl::Duration exchange_time;  // Waiting for slower ranks included.
  absl::Duration spool_time;     // Writing it.
  absl::Duration gather_time;    // Mixing, reading the spool and hashing.
};

// What a stream is made of and for. Everything pointed to outlives it, but for what harvested() says.
struct StreamParts {
  const TokenMixture* tokens = nullptr;
  LanguageModel* model = nullptr;  // Its hookpoints are numbered from 0, in the order they were loaded in.
  int hookpoints = 0;
  std::string device = "cpu";  // The model's.
  Collectives* collectives = nullptr;
  std::vector<std::vector<int>> hosted;  // By rank: the hookpoints that it hosts an SAE of, ascending.
  std::string scratch_dir;               // For the spool; used only with more than one epoch.
  Clock* clock = nullptr;                // For the counters.
  std::function<void()> on_micro_batch;  // Called after each call of the language model; may be empty.
};

// INVALID_ARGUMENT, naming the field, for a config out of range or one that gives not even one batch.
absl::Status CheckStreamConfig(const StreamConfig& config);

// What can be known to be wrong before anything is run. As CheckStreamConfig and CheckExclusion; INVALID_ARGUMENT for a
// mixture of other sequences than the config's and, naming a token file, for a vocabulary larger than the model's.
absl::Status CheckStream(const StreamConfig& config, const TokenMixture& tokens, const LanguageModel& model);

// Not thread-safe.
class ActivationStream {
 public:
  // Errors: as CheckStream; of the spool, naming its file.
  static absl::StatusOr<std::unique_ptr<ActivationStream>> Create(const StreamConfig& config, StreamParts parts);

  // Puts the next batch into `batch`; false at the end. While !harvested() every rank has to call it, also one that
  // hosts nothing. Errors: as TokenFile::Read, Collectives and SpoolWriter; the stream is then of no more use.
  // LibTorch's exceptions pass through.
  absl::StatusOr<bool> Next(Batch* batch);

  // The language model and the collectives are used no more; this rank has left the group (Collectives::Leave).
  bool harvested() const { return next_block_ == plan_.blocks(); }

  // Through the language model, by all ranks; within a block, judged by this rank's part of it.
  int64_t gang_tokens_harvested() const;
  int64_t tokens_to_harvest() const { return config_.sequences * config_.sequence_length; }

  const StreamCounters& counters() const { return counters_; }

  // Of all batches so far, for a hookpoint that is hosted here.
  const BatchHash& hash(int hookpoint) const { return hashes_[hookpoint]; }

 private:
  ActivationStream(const StreamConfig& config, StreamParts parts);

  absl::Status OpenSpools();

  // Brings the batch forward: by rows of the block, by a new block, by what the mixer still holds, or from the spool.
  absl::Status Advance();
  absl::Status HarvestBlock();
  // After the last block, or at the end of a stream whose full batches need no more blocks.
  absl::Status LeaveGroup();
  void CountMicroBatch(int64_t tokens);
  absl::Status SpoolBlock();
  absl::Status FinishSpools();

  // By rank: rows that it harvests in the block.
  absl::StatusOr<std::vector<int64_t>> RowsByRank(int64_t block) const;
  int64_t TokensIn(MicroBatchRange micro_batches) const;
  int64_t rows_per_epoch() const { return config_.rows_per_epoch(); }
  const std::vector<int>& hosted_here() const { return parts_.hosted[parts_.collectives->rank()]; }

  StreamConfig config_;
  StreamParts parts_;
  BlockPlan plan_;
  SequenceSource source_;
  Harvester harvester_;
  Exchange exchange_;
  BatchBuilder builder_;
  std::vector<BatchHash> hashes_;  // By hookpoint.
  StreamCounters counters_;

  int64_t next_batch_ = 0;
  int64_t next_block_ = 0;
  bool has_left_ = false;                 // The group.
  int64_t share_tokens_harvested_ = 0;    // By this rank, in the block that is being harvested.
  absl::Duration harvest_counted_until_;  // On the clock.

  // Epoch 0; gone once it has ended.
  std::optional<Mixer> mixer_;
  std::vector<at::Tensor> block_;  // By hosted hookpoint: [block_rows_, d_model].
  int64_t block_rows_ = 0;
  int64_t block_position_ = 0;  // Rows of the block that were taken.

  // Epochs 1 and on; none with one epoch.
  std::vector<SpoolWriter> spool_writers_;  // By hosted hookpoint.
  std::optional<SpoolReader> spool_reader_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ACTIVATION_STREAM_H_
