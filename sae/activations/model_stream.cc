#include "sae/activations/model_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/activations/batch_delivery.h"
#include "sae/activations/scoped_timer.h"
#include "sae/activations/stream_seeds.h"

namespace seedbed {
namespace {

// Of the row that the mixer wants next when a stream begins so.
absl::StatusOr<BlockPosition> PositionAt(const StreamStart& start) {
  BlockPosition position;
  if (start.batches == 0) return position;
  if (start.states.empty()) return absl::InvalidArgumentError("a stream can't begin later without a state");
  const StateTensors& state = start.states.begin()->second;
  for (const auto& [name, number] :
       {std::pair{"position.block", &position.block}, std::pair{"position.rows_before", &position.rows_before},
        std::pair{"position.rows_in_block", &position.rows_in_block}}) {
    const auto found = state.find(name);
    if (found == state.end()) return absl::InvalidArgumentError(absl::StrCat("tensor \"", name, "\" is missing"));
    RETURN_IF_ERROR(RestoreState({{name, found->second}}, {{name, SharedState(number)}}));
  }
  return position;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ActivationStream>> ModelStream::Create(const StreamConfig& config,
                                                                      BlockSourceParts parts,
                                                                      const StreamStart& start) {
  const std::vector<int> hosted = parts.hosted[parts.collectives->rank()];
  const int hookpoints = parts.hookpoints;
  const int64_t width = parts.d_model;
  const at::ScalarType dtype = parts.dtype;
  Clock* const clock = parts.clock;
  ASSIGN_OR_RETURN(const BlockPosition position, PositionAt(start));
  ASSIGN_OR_RETURN(std::unique_ptr<BlockSource> blocks, BlockSource::Create(config, std::move(parts), position));
  std::unique_ptr<ModelStream> stream(
      new ModelStream(config, hosted, hookpoints, width, dtype, clock, std::move(blocks)));
  if (start.batches > 0) RETURN_IF_ERROR(stream->Restore(start));
  return stream;
}

ModelStream::ModelStream(const StreamConfig& config, std::vector<int> hosted, int hookpoints, int64_t width,
                         at::ScalarType dtype, Clock* clock, std::unique_ptr<BlockSource> blocks)
    : config_(config),
      hosted_(std::move(hosted)),
      clock_(clock),
      blocks_(std::move(blocks)),
      builder_(static_cast<int>(hosted_.size()), config_.batch_tokens, width),
      hashes_(static_cast<size_t>(hookpoints)),
      scales_(hosted_.size(), 1.0f),
      mixer_(std::in_place, ShuffleOrder(config_.rows_per_epoch(), config_.shuffle_rows, MixingSeed(config_.seed)),
             static_cast<int>(hosted_.size()), width, dtype) {
  if (config_.normalize_rows > 0) estimates_.assign(hosted_.size(), RowScale(config_.normalize_rows));
}

absl::Status ModelStream::Restore(const StreamStart& start) {
  next_batch_ = start.batches;
  estimates_.clear();
  // An empty mixer is let go of by the batch that begins the later epochs.
  const bool has_mixer = rows_given() <= config_.rows_per_epoch();
  if (!has_mixer) mixer_.reset();
  if (hosted_.empty()) {
    RETURN_IF_ERROR(RestoreState(StateUnder("position", start.states.begin()->second), PositionState()));
  }
  for (const int hookpoint : hosted_) {
    const auto state = start.states.find(hookpoint);
    if (state == start.states.end()) {
      return absl::InvalidArgumentError(absl::StrCat("a stream can't begin later without hookpoint ", hookpoint));
    }
    RETURN_IF_ERROR(RestoreState(state->second, State(hookpoint)));
  }
  return has_mixer ? absl::OkStatus() : BeginLaterEpochs({});
}

StateTensors ModelStream::State(int hookpoint) {
  const size_t hosted = HostedIndex(hookpoint);
  StateTensors state;
  AddState("position", PositionState(), &state);
  state["hash"] = hashes_[static_cast<size_t>(hookpoint)].State();
  state["scale"] = SharedState(&scales_[hosted]);
  if (mixer_.has_value()) state["slots"] = mixer_->slots(hosted);
  return state;
}

StateTensors ModelStream::PositionState() {
  StateTensors state;
  if (mixer_.has_value()) {
    position_ = blocks_->PositionOf(mixer_->rows_taken());
    AddState("order", mixer_->OrderState(), &state);
  } else {
    position_ = blocks_->PositionOf(config_.rows_per_epoch());
  }
  state["block"] = SharedState(&position_.block);
  state["rows_before"] = SharedState(&position_.rows_before);
  state["rows_in_block"] = SharedState(&position_.rows_in_block);
  return state;
}

absl::StatusOr<bool> ModelStream::Next(Batch* batch) {
  if (next_batch_ == config_.total_batches()) {
    RETURN_IF_ERROR(blocks_->Leave());
    return false;
  }
  batch->index = next_batch_;
  batch->activations.assign(hashes_.size(), at::Tensor());
  if (later_epochs_ == nullptr) RETURN_IF_ERROR(FillFromMixer());
  if (later_epochs_ == nullptr) {
    DeliverMixed(batch);
  } else {
    RETURN_IF_ERROR(DeliverLater(batch));
  }
  ++next_batch_;
  return true;
}

absl::Status ModelStream::FillFromMixer() {
  builder_.Clear();
  while (!builder_.full()) {
    if (mixer_->empty()) return BeginLaterEpochs(UnfinishedBatch());
    RETURN_IF_ERROR(AdvanceMixer());
  }
  return absl::OkStatus();
}

void ModelStream::DeliverMixed(Batch* batch) {
  const auto timer = AddTimeTo(clock_, &stall_time_);
  for (size_t i = 0; i < hosted_.size(); ++i) {
    batch->activations[hosted_[i]] = builder_.matrices()[i];
    hashes_[hosted_[i]].Add(builder_.matrices()[i]);
  }
}

absl::Status ModelStream::DeliverLater(Batch* batch) {
  const auto timer = AddTimeTo(clock_, &stall_time_);
  ASSIGN_OR_RETURN(const RowBatch* const rows, later_epochs_->Next());
  Deliver(*rows, hosted_, hashes_, batch);
  return absl::OkStatus();
}

absl::Status ModelStream::AdvanceMixer() {
  if (mixer_->rows_left_to_take() > 0 && run_position_ == run_rows_) return TakeRun();
  const auto timer = AddTimeTo(clock_, &stall_time_);
  if (mixer_->rows_left_to_take() > 0) {
    run_position_ += mixer_->Take(run_, run_position_, run_rows_, scales_, builder_);
  } else {
    mixer_->Drain(scales_, builder_);
  }
  return absl::OkStatus();
}

absl::Status ModelStream::TakeRun() {
  ASSIGN_OR_RETURN(RowRun run, blocks_->Next(next_batch_));
  run_ = std::move(run.matrices);
  run_rows_ = run.rows;
  run_position_ = 0;
  return estimates_.empty() ? absl::OkStatus() : EstimateScales();
}

// No row comes out of the mixer before as many were put in as the estimate wants (stream_check.h).
absl::Status ModelStream::EstimateScales() {
  for (size_t i = 0; i < hosted_.size(); ++i) estimates_[i].Add(run_[i]);
  // All hookpoints have the same rows, so all are complete at once.
  if (hosted_.empty() || !estimates_[0].complete()) return absl::OkStatus();
  for (size_t i = 0; i < hosted_.size(); ++i) {
    ASSIGN_OR_RETURN(scales_[i], estimates_[i].Get());
  }
  estimates_.clear();
  return absl::OkStatus();
}

std::vector<at::Tensor> ModelStream::UnfinishedBatch() const {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& matrix : builder_.matrices()) {
    rows.push_back(matrix.narrow(0, 0, config_.batch_tokens - builder_.rows_left()).clone());
  }
  return rows;
}

absl::Status ModelStream::BeginLaterEpochs(std::vector<at::Tensor> head) {
  // Rows of the batches so far and of the head.
  const int64_t rows_taken = std::max(rows_given(), config_.rows_per_epoch());
  mixer_.reset();
  run_.clear();
  ShuffledRowsOptions options;
  ASSIGN_OR_RETURN(options.stores, blocks_->TakeStores());
  options.scales = scales_;
  options.rows = config_.rows_per_epoch();
  options.seed = config_.seed;
  options.first_epoch = rows_taken / config_.rows_per_epoch();
  options.first_row = rows_taken % config_.rows_per_epoch();
  options.batch_rows = config_.batch_tokens;
  options.batches = config_.total_batches() - next_batch_;
  options.head = std::move(head);
  later_epochs_ = std::make_unique<ShuffledRows>(std::move(options));
  return absl::OkStatus();
}

StreamCounters ModelStream::counters() const {
  StreamCounters counters = blocks_->counters();
  counters.stall_time = stall_time_;
  return counters;
}

float ModelStream::scale(int hookpoint) const { return scales_[HostedIndex(hookpoint)]; }

size_t ModelStream::HostedIndex(int hookpoint) const {
  return static_cast<size_t>(std::find(hosted_.begin(), hosted_.end(), hookpoint) - hosted_.begin());
}

}  // namespace seedbed
