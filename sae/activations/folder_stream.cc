#include "sae/activations/folder_stream.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ATen/ops/empty.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/activations/batch_delivery.h"
#include "sae/activations/row_scale.h"
#include "sae/activations/rows/row_order.h"
#include "sae/activations/scoped_timer.h"

namespace seedbed {
namespace {

std::optional<uint64_t> OrderSeed(const StreamConfig& config) {
  return config.shuffled ? std::optional<uint64_t>(config.seed) : std::nullopt;
}

absl::StatusOr<float> EstimateScale(const StreamConfig& config, const RowStore& store) {
  if (config.normalize_rows == 0) return 1.0f;
  RowScale estimate(config.normalize_rows);
  RowOrder order(config.rows_per_epoch(), /*epoch=*/0, OrderSeed(config));
  const at::Tensor row = at::empty({1, store.width()}, at::kFloat);
  while (!estimate.complete()) {
    RETURN_IF_ERROR(store.CopyRows(order.Next(), 1, 1.0f, row.data_ptr<float>()));
    estimate.Add(row);
  }
  return estimate.Get();
}

ShuffledRowsOptions RowsOptions(const StreamConfig& config, std::vector<RowStore> stores, std::vector<float> scales,
                                int64_t first_batch) {
  const int64_t rows_before = first_batch * config.batch_tokens;
  ShuffledRowsOptions options;
  options.stores = std::move(stores);
  options.scales = std::move(scales);
  options.rows = config.rows_per_epoch();
  options.seed = OrderSeed(config);
  options.first_epoch = rows_before / config.rows_per_epoch();
  options.first_row = rows_before % config.rows_per_epoch();
  options.batch_rows = config.batch_tokens;
  options.batches = config.total_batches() - first_batch;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ActivationStream>> FolderStream::Create(const StreamConfig& config,
                                                                       FolderStreamParts parts,
                                                                       const StreamStart& start) {
  std::vector<float> scales;
  for (const RowStore& store : parts.stores) {
    ASSIGN_OR_RETURN(const float scale, EstimateScale(config, store));
    scales.push_back(scale);
  }
  std::unique_ptr<FolderStream> stream(new FolderStream(config, std::move(parts), std::move(scales), start.batches));
  if (start.batches > 0) RETURN_IF_ERROR(stream->Restore(start));
  return stream;
}

FolderStream::FolderStream(const StreamConfig& config, FolderStreamParts parts, std::vector<float> scales,
                           int64_t first_batch)
    : batches_(config.total_batches()),
      hosted_(std::move(parts.hosted)),
      clock_(parts.clock),
      scales_(std::move(scales)),
      hashes_(static_cast<size_t>(parts.hookpoints)),
      next_batch_(first_batch),
      rows_(RowsOptions(config, std::move(parts.stores), scales_, first_batch)) {}

absl::Status FolderStream::Restore(const StreamStart& start) {
  for (const int hookpoint : hosted_) {
    const auto state = start.states.find(hookpoint);
    if (state == start.states.end()) {
      return absl::InvalidArgumentError(absl::StrCat("a stream can't begin later without hookpoint ", hookpoint));
    }
    RETURN_IF_ERROR(RestoreState(state->second, State(hookpoint)));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> FolderStream::Next(Batch* batch) {
  if (next_batch_ == batches_) return false;
  const auto timer = AddTimeTo(clock_, &counters_.stall_time);
  ASSIGN_OR_RETURN(const RowBatch* const rows, rows_.Next());
  batch->index = next_batch_++;
  batch->activations.assign(hashes_.size(), at::Tensor());
  Deliver(*rows, hosted_, hashes_, batch);
  return true;
}

float FolderStream::scale(int hookpoint) const {
  const auto found = std::find(hosted_.begin(), hosted_.end(), hookpoint);
  return scales_[static_cast<size_t>(found - hosted_.begin())];
}

}  // namespace seedbed
