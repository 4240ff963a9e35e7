#include "sae/activations/model_stream.h"

#include <algorithm>
#include <utility>

#include "common/status.h"
#include "sae/activations/batch_delivery.h"
#include "sae/activations/scoped_timer.h"
#include "sae/activations/stream_seeds.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<ActivationStream>> ModelStream::Create(const StreamConfig& config,
                                                                      BlockSourceParts parts) {
  const std::vector<int> hosted = parts.hosted[parts.collectives->rank()];
  const int hookpoints = parts.hookpoints;
  const int64_t width = parts.d_model;
  const at::ScalarType dtype = parts.dtype;
  Clock* const clock = parts.clock;
  ASSIGN_OR_RETURN(std::unique_ptr<BlockSource> blocks, BlockSource::Create(config, std::move(parts)));
  return std::unique_ptr<ActivationStream>(
      new ModelStream(config, hosted, hookpoints, width, dtype, clock, std::move(blocks)));
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
    if (mixer_->empty()) return BeginLaterEpochs();
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

absl::Status ModelStream::BeginLaterEpochs() {
  mixer_.reset();
  run_.clear();
  ShuffledRowsOptions options;
  ASSIGN_OR_RETURN(options.stores, blocks_->TakeStores());
  options.scales = scales_;
  options.rows = config_.rows_per_epoch();
  options.seed = config_.seed;
  options.first_epoch = 1;
  options.batch_rows = config_.batch_tokens;
  options.batches = config_.total_batches() - next_batch_;
  // What the last rows of epoch 0 did not fill is filled by the first of epoch 1.
  for (const at::Tensor& matrix : builder_.matrices()) {
    options.head.push_back(matrix.narrow(0, 0, config_.batch_tokens - builder_.rows_left()).clone());
  }
  later_epochs_ = std::make_unique<ShuffledRows>(std::move(options));
  return absl::OkStatus();
}

StreamCounters ModelStream::counters() const {
  StreamCounters counters = blocks_->counters();
  counters.stall_time = stall_time_;
  return counters;
}

float ModelStream::scale(int hookpoint) const {
  const auto found = std::find(hosted_.begin(), hosted_.end(), hookpoint);
  return scales_[static_cast<size_t>(found - hosted_.begin())];
}

}  // namespace seedbed
