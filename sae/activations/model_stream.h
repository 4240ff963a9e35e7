// The batches that a language model's activations make, live or from a cache (activation_stream.h defines them).
#ifndef SEEDBED_SAE_ACTIVATIONS_MODEL_STREAM_H_
#define SEEDBED_SAE_ACTIVATIONS_MODEL_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/activations/activation_stream.h"
#include "sae/activations/batch_builder.h"
#include "sae/activations/batch_hash.h"
#include "sae/activations/block_source.h"
#include "sae/activations/mixer.h"
#include "sae/activations/row_scale.h"
#include "sae/activations/rows/shuffled_rows.h"
#include "sae/activations/stream_config.h"

namespace seedbed {

class ModelStream final : public ActivationStream {
 public:
  // Every rank calls it at the same time. `config` has been checked (stream_check.h). Errors: as BlockSource::Create;
  // INVALID_ARGUMENT for a start of another stream.
  static absl::StatusOr<std::unique_ptr<ActivationStream>> Create(const StreamConfig& config, BlockSourceParts parts,
                                                                  const StreamStart& start = {});

  absl::StatusOr<bool> Next(Batch* batch) override;
  bool harvested() const override { return blocks_->harvested(); }
  int64_t gang_tokens_harvested() const override { return blocks_->gang_tokens_harvested(); }
  int64_t tokens_to_harvest() const override { return blocks_->tokens_to_harvest(); }
  StreamCounters counters() const override;
  const BatchHash& hash(int hookpoint) const override { return hashes_[hookpoint]; }
  StateTensors State(int hookpoint) override;
  float scale(int hookpoint) const override;

 private:
  ModelStream(const StreamConfig& config, std::vector<int> hosted, int hookpoints, int64_t width, at::ScalarType dtype,
              Clock* clock, std::unique_ptr<BlockSource> blocks);

  size_t HostedIndex(int hookpoint) const;
  // What is the same for every hookpoint.
  StateTensors PositionState();
  absl::Status Restore(const StreamStart& start);
  // The rows of all batches so far.
  int64_t rows_given() const { return next_batch_ * config_.batch_tokens; }

  // Puts the next batch together from the mixer; begins the later epochs instead where it has not enough rows left.
  absl::Status FillFromMixer();
  // Brings the batch forward: by rows of the run, by another run, or by what the mixer still holds.
  absl::Status AdvanceMixer();
  absl::Status TakeRun();
  absl::Status EstimateScales();
  // `head`: what the first batch begins with (ShuffledRowsOptions).
  absl::Status BeginLaterEpochs(std::vector<at::Tensor> head);
  // What the last rows of epoch 0 did not fill.
  std::vector<at::Tensor> UnfinishedBatch() const;
  void DeliverMixed(Batch* batch);
  absl::Status DeliverLater(Batch* batch);

  const StreamConfig config_;
  const std::vector<int> hosted_;  // Hookpoints hosted here.
  Clock* const clock_;
  std::unique_ptr<BlockSource> blocks_;
  BatchBuilder builder_;
  std::vector<BatchHash> hashes_;  // By hookpoint.
  absl::Duration stall_time_;
  int64_t next_batch_ = 0;

  std::vector<RowScale> estimates_;  // By hosted hookpoint, until the scales are known.
  std::vector<float> scales_;        // By hosted hookpoint.

  BlockPosition position_;  // Where State found the stream.

  // Epoch 0; the mixer is gone once later epochs have begun.
  std::optional<Mixer> mixer_;
  std::vector<at::Tensor> run_;  // By hosted hookpoint: [run_rows_, width].
  int64_t run_rows_ = 0;
  int64_t run_position_ = 0;  // Rows of the run that were taken.

  std::unique_ptr<ShuffledRows> later_epochs_;  // Epochs 1 and on; null before them.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_MODEL_STREAM_H_
