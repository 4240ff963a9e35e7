#include "sae/activations/harvester.h"

#include <utility>

#include "ATen/ops/empty.h"
#include "ATen/ops/index_select.h"
#include "common/status.h"

namespace seedbed {

Harvester::Harvester(const SequenceSource* source, LanguageModel* model, int hookpoints, at::Device device,
                     at::ScalarType dtype, Buffers buffers, std::function<void(int64_t)> on_micro_batch)
    : source_(source),
      model_(model),
      device_(device),
      dtype_(dtype),
      on_micro_batch_(std::move(on_micro_batch)),
      buffers_(buffers == Buffers::kTwo ? 2 : 1, std::vector<at::Tensor>(static_cast<size_t>(hookpoints))) {}

absl::StatusOr<std::vector<at::Tensor>> Harvester::Harvest(MicroBatchRange micro_batches) {
  int64_t rows = 0;
  for (int64_t m = micro_batches.begin; m < micro_batches.end; ++m) {
    ASSIGN_OR_RETURN(const int64_t kept, source_->KeptRowsIn(m));
    rows += kept;
  }
  std::vector<at::Tensor> harvested = ViewsOf(rows);
  int64_t filled = 0;
  for (int64_t m = micro_batches.begin; m < micro_batches.end; ++m) {
    ASSIGN_OR_RETURN(const MicroBatch micro_batch, source_->Read(m));
    const std::vector<at::Tensor> activations = model_->Forward(micro_batch.tokens);
    const at::Tensor kept_rows = micro_batch.kept_rows.to(device_);
    for (size_t h = 0; h < harvested.size(); ++h) {
      KeepRows(activations[h], kept_rows, harvested[h].narrow(0, filled, kept_rows.size(0)));
    }
    filled += kept_rows.size(0);
    if (on_micro_batch_) on_micro_batch_(micro_batch.tokens.numel());
  }
  return harvested;
}

std::vector<at::Tensor> Harvester::ViewsOf(int64_t rows) {
  turn_ = (turn_ + 1) % buffers_.size();
  std::vector<at::Tensor> views;
  for (at::Tensor& buffer : buffers_[turn_]) {
    if (!buffer.defined() || buffer.size(0) < rows) {
      buffer = at::empty({rows, model_->d_model()}, at::TensorOptions(dtype_).device(device_));
    }
    views.push_back(buffer.narrow(0, 0, rows));
  }
  return views;
}

void Harvester::KeepRows(const at::Tensor& activations, const at::Tensor& kept_rows, at::Tensor target) {
  if (activations.scalar_type() == dtype_) {
    at::index_select_out(target, activations, 0, kept_rows);
    return;
  }
  const int64_t rows = kept_rows.size(0);
  if (!kept_.defined() || kept_.size(0) < rows) kept_ = at::empty(target.sizes(), activations.options());
  at::Tensor kept = kept_.narrow(0, 0, rows);
  at::index_select_out(kept, activations, 0, kept_rows);
  target.copy_(kept);
}

}  // namespace seedbed
