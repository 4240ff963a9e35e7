#include "sae/activations/block_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/Device.h"
#include "common/status.h"
#include "sae/activations/scoped_timer.h"

namespace seedbed {
namespace {

// Of one hookpoint: stays in the processor's cache between the disk and the mixer.
constexpr int64_t kPieceBytes = 1 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<BlockSource>> BlockSource::Create(const StreamConfig& config, BlockSourceParts parts,
                                                                 const BlockPosition& start) {
  std::unique_ptr<BlockSource> source(new BlockSource(config, std::move(parts), start));
  RETURN_IF_ERROR(source->AgreeOnBlocks());
  RETURN_IF_ERROR(source->PrepareHarvest());
  RETURN_IF_ERROR(source->HarvestLostBlocks());
  return source;
}

BlockSource::BlockSource(const StreamConfig& config, BlockSourceParts parts, const BlockPosition& start)
    : config_(config),
      parts_(std::move(parts)),
      plan_(config_),
      source_(config_, parts_.tokens),
      exchange_(parts_.collectives, parts_.hosted, at::Device(parts_.device)),
      to_harvest_(static_cast<size_t>(plan_.blocks()), true),
      next_block_(start.block),
      rows_to_skip_(start.rows_in_block),
      rows_before_block_(start.rows_before),
      rows_seen_(start.rows_before) {}

absl::Status BlockSource::AgreeOnBlocks() {
  if (!parts_.cached) return absl::OkStatus();
  std::string mine;
  for (int64_t block = 0; block < plan_.blocks(); ++block) mine += parts_.store->HasBlock(block) ? '1' : '0';
  ASSIGN_OR_RETURN(const std::vector<std::string> all, parts_.collectives->AllGatherBytes(mine));
  for (size_t block = 0; block < to_harvest_.size(); ++block) {
    to_harvest_[block] = false;
    for (const std::string& of_rank : all) to_harvest_[block] = to_harvest_[block] || of_rank.at(block) == '0';
  }
  return absl::OkStatus();
}

absl::Status BlockSource::PrepareHarvest() {
  // Nobody reads them again.
  if (!parts_.store->keeps()) std::fill(to_harvest_.begin(), to_harvest_.begin() + next_block_, false);
  for (int64_t block = 0; block < plan_.blocks(); ++block) {
    if (to_harvest_[block]) tokens_to_harvest_ += TokensIn(plan_.Block(block));
  }
  if (tokens_to_harvest_ == 0) return Leave();
  ASSIGN_OR_RETURN(LanguageModel* const model, parts_.model());
  const auto buffers = overlaps() ? Harvester::Buffers::kTwo : Harvester::Buffers::kOne;
  harvester_ = std::make_unique<Harvester>(&source_, model, parts_.hookpoints, at::Device(parts_.device), parts_.dtype,
                                           buffers, [this](int64_t tokens) { CountMicroBatch(tokens); });
  return absl::OkStatus();
}

absl::Status BlockSource::HarvestLostBlocks() {
  const int64_t end = next_block_;
  for (int64_t block = NextToHarvest(0); block < end; block = NextToHarvest(block + 1)) {
    ASSIGN_OR_RETURN(const RowRun rows, HarvestedBlock(/*step=*/0, block));
    RETURN_IF_ERROR(Keep(block, rows));
  }
  return absl::OkStatus();
}

absl::StatusOr<RowRun> BlockSource::Next(int64_t step) {
  if (cached_position_ < cached_rows_) return CachedPiece();
  const int64_t block = next_block_++;
  const int64_t skipped = std::exchange(rows_to_skip_, 0);
  if (!to_harvest_[block]) {
    RETURN_IF_ERROR(OpenCachedBlock(block, skipped));
    return CachedPiece();
  }
  ASSIGN_OR_RETURN(RowRun rows, HarvestedBlock(step, block));
  RETURN_IF_ERROR(CountRows(block, rows.rows));
  RETURN_IF_ERROR(Keep(block, rows));
  rows.rows -= skipped;
  for (at::Tensor& matrix : rows.matrices) matrix = matrix.narrow(0, skipped, rows.rows);
  return rows;
}

absl::Status BlockSource::Keep(int64_t block, const RowRun& rows) {
  const auto timer = AddTimeTo(parts_.clock, &counters_.spool_time);
  return parts_.store->WriteBlock(block, rows.matrices);
}

BlockPosition BlockSource::PositionOf(int64_t row) const {
  if (row >= rows_seen_) return {next_block_, rows_seen_, row - rows_seen_};
  return {next_block_ - 1, rows_before_block_, row - rows_before_block_};
}

absl::Status BlockSource::OpenCachedBlock(int64_t block, int64_t first_row) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> rows_by_rank, RowsByRank(block));
  cached_block_ = block;
  cached_position_ = first_row;
  cached_rows_ = std::accumulate(rows_by_rank.begin(), rows_by_rank.end(), int64_t{0});
  RETURN_IF_ERROR(CountRows(block, cached_rows_));
  const bool hosts_none = parts_.hosted[parts_.collectives->rank()].empty();
  if (hosts_none || parts_.store->BlockRows(block) == cached_rows_) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("block ", block, " of the cache has ", parts_.store->BlockRows(block),
                                          " rows, its tokens make ", cached_rows_));
}

absl::StatusOr<RowRun> BlockSource::CachedPiece() {
  const int64_t row_bytes = parts_.d_model * static_cast<int64_t>(c10::elementSize(parts_.dtype));
  RowRun piece;
  piece.rows = std::min(std::max<int64_t>(1, kPieceBytes / row_bytes), cached_rows_ - cached_position_);
  RETURN_IF_ERROR(parts_.store->ReadRows(cached_block_, cached_position_, piece.rows, &piece_));
  cached_position_ += piece.rows;
  piece.matrices = piece_;
  return piece;
}

absl::StatusOr<RowRun> BlockSource::HarvestedBlock(int64_t step, int64_t block) {
  parts_.collectives->SetPhase(absl::StrCat("step ", step, ", block ", block));
  if (harvested_block_ != block) RETURN_IF_ERROR(Harvest(block));
  RowRun harvested;
  harvested.rows = std::accumulate(rows_by_rank_.begin(), rows_by_rank_.end(), int64_t{0});
  {
    const auto timer = AddTimeTo(parts_.clock, &counters_.exchange_time);
    RETURN_IF_ERROR(exchange_.Start(harvested_, rows_by_rank_));
  }
  const int64_t following = NextToHarvest(block + 1);
  if (overlaps() && following < plan_.blocks()) RETURN_IF_ERROR(Harvest(following));
  const auto timer = AddTimeTo(parts_.clock, &counters_.exchange_time);
  ASSIGN_OR_RETURN(harvested.matrices, exchange_.Finish());
  if (following == plan_.blocks()) RETURN_IF_ERROR(Leave());
  return harvested;
}

absl::Status BlockSource::Harvest(int64_t block) {
  harvest_counted_until_ = parts_.clock->Monotonic();
  harvesting_block_ = block;
  ASSIGN_OR_RETURN(rows_by_rank_, RowsByRank(block));
  ASSIGN_OR_RETURN(harvested_, harvester_->Harvest(ShareOf(block)));
  gang_tokens_ += TokensIn(plan_.Block(block));
  share_tokens_harvested_ = 0;
  harvesting_block_ = -1;
  harvested_block_ = block;
  return absl::OkStatus();
}

absl::Status BlockSource::CountRows(int64_t block, int64_t rows) {
  rows_before_block_ = rows_seen_;
  rows_seen_ += rows;
  const bool complete = block + 1 == plan_.blocks();
  const int64_t expected = config_.rows_per_epoch();
  if (complete ? rows_seen_ == expected : rows_seen_ <= expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      absl::StrJoin(parts_.tokens->paths(), ", "), ": ", rows_seen_, " rows are left after exclusions, not the ",
      expected, " that were counted when the sweep was submitted: a file has changed since"));
}

absl::Status BlockSource::Leave() {
  if (std::exchange(has_left_, true)) return absl::OkStatus();
  return parts_.collectives->Leave();
}

void BlockSource::CountMicroBatch(int64_t tokens) {
  const absl::Duration now = parts_.clock->Monotonic();
  counters_.harvest_time += now - harvest_counted_until_;
  harvest_counted_until_ = now;
  counters_.tokens_harvested += tokens;
  share_tokens_harvested_ += tokens;
  if (parts_.on_micro_batch) parts_.on_micro_batch();
}

absl::StatusOr<std::vector<int64_t>> BlockSource::RowsByRank(int64_t block) const {
  const int world_size = parts_.collectives->world_size();
  std::vector<int64_t> rows_by_rank(static_cast<size_t>(world_size), 0);
  for (int rank = 0; rank < world_size; ++rank) {
    const MicroBatchRange share = plan_.ShareOf(block, rank, world_size);
    for (int64_t m = share.begin; m < share.end; ++m) {
      ASSIGN_OR_RETURN(const int64_t rows, source_.KeptRowsIn(m));
      rows_by_rank[rank] += rows;
    }
  }
  return rows_by_rank;
}

int64_t BlockSource::TokensIn(MicroBatchRange micro_batches) const {
  int64_t sequences = 0;
  for (int64_t m = micro_batches.begin; m < micro_batches.end; ++m) sequences += source_.SequencesIn(m);
  return sequences * config_.sequence_length;
}

MicroBatchRange BlockSource::ShareOf(int64_t block) const {
  return plan_.ShareOf(block, parts_.collectives->rank(), parts_.collectives->world_size());
}

int64_t BlockSource::NextToHarvest(int64_t block) const {
  while (block < plan_.blocks() && !to_harvest_[block]) ++block;
  return block;
}

int64_t BlockSource::gang_tokens_harvested() const {
  if (harvesting_block_ < 0) return gang_tokens_;
  const int64_t share = TokensIn(ShareOf(harvesting_block_));
  if (share == 0) return gang_tokens_;
  return gang_tokens_ + TokensIn(plan_.Block(harvesting_block_)) * share_tokens_harvested_ / share;
}

StreamCounters BlockSource::counters() const {
  StreamCounters counters = counters_;
  counters.exchange_bytes_sent = exchange_.bytes_sent();
  counters.rows_from_cache = parts_.store->rows_from_cache();
  counters.cache_shards_refused = parts_.store->shards_refused();
  return counters;
}

}  // namespace seedbed
