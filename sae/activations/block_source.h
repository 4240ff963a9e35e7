// The rows of a stream before they are mixed: block by block, each from the cache where every rank has it there, and
// from the language model and the exchange otherwise.
#ifndef SEEDBED_SAE_ACTIVATIONS_BLOCK_SOURCE_H_
#define SEEDBED_SAE_ACTIVATIONS_BLOCK_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "sae/activations/activation_stream.h"
#include "sae/activations/block_plan.h"
#include "sae/activations/exchange.h"
#include "sae/activations/harvester.h"
#include "sae/activations/rows/block_store.h"
#include "sae/activations/sequences/sequence_source.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/stream_config.h"
#include "sae/collectives/collectives.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// Whatever is pointed to outlives the source, but for what BlockSource::harvested says.
struct BlockSourceParts {
  const TokenMixture* tokens = nullptr;
  // Gives the language model, whose hookpoints are numbered from 0 in the order they were loaded in. Called once, by
  // Create, on every rank of the gang or on none: on none where the cache has every block.
  std::function<absl::StatusOr<LanguageModel*>()> model;
  int hookpoints = 0;
  int64_t d_model = 0;
  at::ScalarType dtype = at::kFloat;  // Of rows.
  std::string device = "cpu";         // The model's.
  Collectives* collectives = nullptr;
  std::vector<std::vector<int>> hosted;  // By rank: the hookpoints that it hosts an SAE of, ascending.
  std::unique_ptr<BlockStore> store;     // Of the hookpoints hosted here.
  bool cached = false;                   // There are caches: the ranks tell each other what is in them.
  bool low_memory = false;               // No block is harvested while another one is exchanged.
  Clock* clock = nullptr;                // For the counters.
  std::function<void()> on_micro_batch;  // Called after each call of the language model; may be empty.
};

// A row of a stream, before they are mixed.
struct BlockPosition {
  int64_t block = 0;
  int64_t rows_before = 0;    // In the blocks before it.
  int64_t rows_in_block = 0;  // Before it in the block.
};

// Rows that follow each other in the stream.
struct RowRun {
  int64_t rows = 0;
  std::vector<at::Tensor> matrices;  // By hookpoint hosted here: [rows, d_model], on the CPU, contiguous.
};

// Not thread-safe. LibTorch's exceptions pass through.
class BlockSource {
 public:
  // Begins with the row at `start`, on every rank the same: what lies before it is harvested again only where the store
  // is to keep it and a rank has lost it. Every rank calls it at the same time. Errors: of the collectives and of
  // `model`; of harvesting, as Next.
  static absl::StatusOr<std::unique_ptr<BlockSource>> Create(const StreamConfig& config, BlockSourceParts parts,
                                                             const BlockPosition& start = {});

  // The next rows, which step `step` waits for, in parts.dtype and valid until the next call: a whole block from the
  // language model, a piece of one from the cache. Not after the last of config.rows_per_epoch() rows. While
  // !harvested() every rank has to call it. Errors: of the token files, the collectives and the disk; INVALID_ARGUMENT,
  // naming the token files, where they give another number of rows than config.rows_per_epoch().
  absl::StatusOr<RowRun> Next(int64_t step);

  // Of the row with this number, counted from the stream's first; among those that Next gave, or the next one.
  BlockPosition PositionOf(int64_t row) const;

  // Before a stream ends that has not asked for all blocks: this rank takes part no more.
  absl::Status Leave();

  // The language model and the collectives are used no more; this rank has left the group.
  bool harvested() const { return has_left_; }

  // After the last rows: all of them on disk, by hookpoint hosted here. Only for a store that keeps them.
  absl::StatusOr<std::vector<RowStore>> TakeStores() { return parts_.store->Finish(); }

  int64_t gang_tokens_harvested() const;
  int64_t tokens_to_harvest() const { return tokens_to_harvest_; }
  StreamCounters counters() const;

 private:
  BlockSource(const StreamConfig& config, BlockSourceParts parts, const BlockPosition& start);

  // Whether the next block is harvested while one is exchanged, into memory of its own.
  bool overlaps() const { return exchange_.overlaps() && !parts_.low_memory; }
  // Which blocks at least one rank has not in its cache.
  absl::Status AgreeOnBlocks();
  absl::Status PrepareHarvest();
  // Harvests and keeps what of the blocks before the first one is missing.
  absl::Status HarvestLostBlocks();

  // Runs the language model on this rank's share of the block.
  absl::Status Harvest(int64_t block);
  absl::StatusOr<RowRun> HarvestedBlock(int64_t step, int64_t block);
  absl::Status Keep(int64_t block, const RowRun& rows);
  absl::Status OpenCachedBlock(int64_t block, int64_t first_row);
  absl::StatusOr<RowRun> CachedPiece();
  // Counts the block's rows and compares.
  absl::Status CountRows(int64_t block, int64_t rows);
  void CountMicroBatch(int64_t tokens);

  // By rank: rows that it harvests in the block.
  absl::StatusOr<std::vector<int64_t>> RowsByRank(int64_t block) const;
  int64_t TokensIn(MicroBatchRange micro_batches) const;
  MicroBatchRange ShareOf(int64_t block) const;
  // The first block from `block` on that is to be harvested; plan_.blocks() where there is none.
  int64_t NextToHarvest(int64_t block) const;

  const StreamConfig config_;
  BlockSourceParts parts_;
  const BlockPlan plan_;
  const SequenceSource source_;
  Exchange exchange_;
  std::unique_ptr<Harvester> harvester_;  // Null where every block is in the cache.

  std::vector<bool> to_harvest_;  // By block.
  int64_t tokens_to_harvest_ = 0;
  int64_t next_block_;
  int64_t rows_to_skip_;  // Of the next block.
  bool has_left_ = false;

  int64_t harvested_block_ = -1;  // The block that `harvested_` is of.
  std::vector<at::Tensor> harvested_;
  std::vector<int64_t> rows_by_rank_;  // Of that block.
  int64_t rows_before_block_;          // In the blocks before the one that was given last.
  int64_t rows_seen_;                  // In all blocks up to that one.

  // The block from the cache that is being read.
  int64_t cached_block_ = 0;
  int64_t cached_position_ = 0;
  int64_t cached_rows_ = 0;
  std::vector<at::Tensor> piece_;  // By hosted hookpoint; used again by every piece.

  StreamCounters counters_;
  int64_t gang_tokens_ = 0;               // In the blocks that this rank has harvested its share of.
  int64_t harvesting_block_ = -1;         // -1 between two of them.
  int64_t share_tokens_harvested_ = 0;    // By this rank, in the block that is being harvested.
  absl::Duration harvest_counted_until_;  // On the clock.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_BLOCK_SOURCE_H_
