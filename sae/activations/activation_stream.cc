#include "sae/activations/activation_stream.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "c10/core/Device.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/activations/exclusion.h"
#include "sae/activations/stream_seeds.h"

namespace seedbed {
namespace {

absl::Status CheckAtLeast(absl::string_view field, int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("stream.", field, " is ", value, "; must be at least ", least));
}

// Adds the time until the end of the scope to `*total`.
auto AddTimeTo(Clock* clock, absl::Duration* total) {
  return absl::Cleanup([clock, total, start = clock->Monotonic()] { *total += clock->Monotonic() - start; });
}

}  // namespace

absl::Status CheckStreamConfig(const StreamConfig& config) {
  RETURN_IF_ERROR(CheckAtLeast("sequence_length", config.sequence_length, 1));
  RETURN_IF_ERROR(CheckAtLeast("sequences", config.sequences, 1));
  RETURN_IF_ERROR(CheckAtLeast("exclude_first", config.exclude_first, 0));
  RETURN_IF_ERROR(CheckAtLeast("shuffle_rows", config.shuffle_rows, 1));
  RETURN_IF_ERROR(CheckAtLeast("epochs", config.epochs, 1));
  RETURN_IF_ERROR(CheckAtLeast("batch_tokens", config.batch_tokens, 1));
  RETURN_IF_ERROR(CheckAtLeast("micro_batch_sequences", config.micro_batch_sequences, 1));
  RETURN_IF_ERROR(CheckAtLeast("block_micro_batches", config.block_micro_batches, 1));
  if (config.exclude_first >= config.sequence_length) {
    return absl::InvalidArgumentError(absl::StrCat("stream.exclude_first is ", config.exclude_first,
                                                   "; must be less than sequence_length (", config.sequence_length,
                                                   "), or no row is left"));
  }
  if (config.total_batches() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("stream.batch_tokens is ", config.batch_tokens,
                                                   ", but all epochs together have only ",
                                                   config.epochs * config.rows_per_epoch(), " rows"));
  }
  return absl::OkStatus();
}

absl::Status CheckStream(const StreamConfig& config, const TokenMixture& tokens, const LanguageModel& model) {
  RETURN_IF_ERROR(CheckStreamConfig(config));
  if (tokens.sequences() != config.sequences || tokens.sequence_length() != config.sequence_length) {
    return absl::InvalidArgumentError(absl::StrCat("stream.sequences is ", config.sequences, " of ",
                                                   config.sequence_length, " tokens; its files give ",
                                                   tokens.sequences(), " of ", tokens.sequence_length()));
  }
  RETURN_IF_ERROR(CheckExclusion(config, tokens));
  if (tokens.vocabulary_size() > model.vocabulary_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(tokens.files()[0].path(), ": vocabulary of ", tokens.vocabulary_size(),
                     " tokens, but the language model has embeddings for ", model.vocabulary_size(),
                     ": it was made with another model's tokenizer"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ActivationStream>> ActivationStream::Create(const StreamConfig& config,
                                                                           StreamParts parts) {
  RETURN_IF_ERROR(CheckStream(config, *parts.tokens, *parts.model));
  std::unique_ptr<ActivationStream> stream(new ActivationStream(config, std::move(parts)));
  RETURN_IF_ERROR(stream->OpenSpools());
  return stream;
}

ActivationStream::ActivationStream(const StreamConfig& config, StreamParts parts)
    : config_(config),
      parts_(std::move(parts)),
      plan_(config_),
      source_(config_, parts_.tokens),
      harvester_(&source_, parts_.model, parts_.hookpoints, at::Device(parts_.device),
                 [this](int64_t tokens) { CountMicroBatch(tokens); }),
      exchange_(parts_.collectives, parts_.hosted, parts_.hookpoints),
      builder_(static_cast<int>(hosted_here().size()), config_.batch_tokens, parts_.model->d_model()),
      hashes_(static_cast<size_t>(parts_.hookpoints)),
      mixer_(std::in_place, ShuffleOrder(rows_per_epoch(), config_.shuffle_rows, MixingSeed(config_.seed)),
             static_cast<int>(hosted_here().size()), parts_.model->d_model()) {}

absl::Status ActivationStream::OpenSpools() {
  if (config_.epochs == 1) return absl::OkStatus();
  for (const int hookpoint : hosted_here()) {
    const std::string path = JoinPath(parts_.scratch_dir, absl::StrCat("hookpoint-", hookpoint, ".f32"));
    ASSIGN_OR_RETURN(SpoolWriter writer, SpoolWriter::Create(path, rows_per_epoch(), parts_.model->d_model()));
    spool_writers_.push_back(std::move(writer));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ActivationStream::Next(Batch* batch) {
  if (next_batch_ == config_.total_batches()) {
    RETURN_IF_ERROR(LeaveGroup());
    return false;
  }
  builder_.Clear();
  while (!builder_.full()) RETURN_IF_ERROR(Advance());

  const auto timer = AddTimeTo(parts_.clock, &counters_.gather_time);
  batch->index = next_batch_++;
  batch->activations.assign(static_cast<size_t>(parts_.hookpoints), at::Tensor());
  for (size_t i = 0; i < hosted_here().size(); ++i) {
    const int hookpoint = hosted_here()[i];
    batch->activations[hookpoint] = builder_.matrices()[i];
    hashes_[hookpoint].Add(builder_.matrices()[i]);
  }
  return true;
}

absl::Status ActivationStream::Advance() {
  if (mixer_ && mixer_->rows_left_to_take() > 0 && block_position_ == block_rows_) return HarvestBlock();

  const auto timer = AddTimeTo(parts_.clock, &counters_.gather_time);
  if (!mixer_) {
    spool_reader_->Fill(builder_);
  } else if (mixer_->rows_left_to_take() > 0) {
    block_position_ += mixer_->Take(block_, block_position_, block_rows_, builder_);
  } else {
    mixer_->Drain(builder_);
  }
  if (mixer_ && mixer_->empty()) mixer_.reset();
  return absl::OkStatus();
}

absl::Status ActivationStream::HarvestBlock() {
  const int rank = parts_.collectives->rank();
  const int world_size = parts_.collectives->world_size();
  harvest_counted_until_ = parts_.clock->Monotonic();
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> harvested,
                   harvester_.Harvest(plan_.ShareOf(next_block_, rank, world_size)));
  ASSIGN_OR_RETURN(const std::vector<int64_t> rows_by_rank, RowsByRank(next_block_));
  {
    const auto timer = AddTimeTo(parts_.clock, &counters_.exchange_time);
    ASSIGN_OR_RETURN(block_, exchange_.Run(harvested, rows_by_rank));
    counters_.exchange_bytes_sent = exchange_.bytes_sent();
    if (next_block_ + 1 == plan_.blocks()) RETURN_IF_ERROR(LeaveGroup());
  }
  block_rows_ = 0;
  for (const int64_t rows : rows_by_rank) block_rows_ += rows;
  block_position_ = 0;
  ++next_block_;
  share_tokens_harvested_ = 0;
  return SpoolBlock();
}

absl::Status ActivationStream::LeaveGroup() {
  if (std::exchange(has_left_, true)) return absl::OkStatus();
  return parts_.collectives->Leave();
}

void ActivationStream::CountMicroBatch(int64_t tokens) {
  const absl::Duration now = parts_.clock->Monotonic();
  counters_.harvest_time += now - harvest_counted_until_;
  harvest_counted_until_ = now;
  counters_.tokens_harvested += tokens;
  share_tokens_harvested_ += tokens;
  if (parts_.on_micro_batch) parts_.on_micro_batch();
}

absl::Status ActivationStream::SpoolBlock() {
  if (config_.epochs == 1) return absl::OkStatus();
  const auto timer = AddTimeTo(parts_.clock, &counters_.spool_time);
  for (size_t i = 0; i < spool_writers_.size(); ++i) RETURN_IF_ERROR(spool_writers_[i].Append(block_[i]));
  return harvested() ? FinishSpools() : absl::OkStatus();
}

absl::Status ActivationStream::FinishSpools() {
  std::vector<SpooledRows> spools;
  for (SpoolWriter& writer : spool_writers_) {
    ASSIGN_OR_RETURN(SpooledRows spool, writer.Finish());
    spools.push_back(std::move(spool));
  }
  spool_writers_.clear();
  spool_reader_.emplace(std::move(spools), rows_per_epoch(), parts_.model->d_model(), config_.seed);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> ActivationStream::RowsByRank(int64_t block) const {
  std::vector<int64_t> rows_by_rank;
  for (int rank = 0; rank < parts_.collectives->world_size(); ++rank) {
    const MicroBatchRange share = plan_.ShareOf(block, rank, parts_.collectives->world_size());
    int64_t rows = 0;
    for (int64_t m = share.begin; m < share.end; ++m) {
      ASSIGN_OR_RETURN(const int64_t kept, source_.KeptRowsIn(m));
      rows += kept;
    }
    rows_by_rank.push_back(rows);
  }
  return rows_by_rank;
}

int64_t ActivationStream::TokensIn(MicroBatchRange micro_batches) const {
  int64_t sequences = 0;
  for (int64_t m = micro_batches.begin; m < micro_batches.end; ++m) sequences += source_.SequencesIn(m);
  return sequences * config_.sequence_length;
}

int64_t ActivationStream::gang_tokens_harvested() const {
  if (harvested()) return tokens_to_harvest();
  const int64_t before =
      next_block_ * config_.block_micro_batches * config_.micro_batch_sequences * config_.sequence_length;
  const int64_t share =
      TokensIn(plan_.ShareOf(next_block_, parts_.collectives->rank(), parts_.collectives->world_size()));
  if (share == 0) return before;
  return before + TokensIn(plan_.Block(next_block_)) * share_tokens_harvested_ / share;
}

}  // namespace seedbed
