#include "worker/trainer/folder_inputs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/activations/folder_stream.h"
#include "sae/activations/rows/row_folder.h"

namespace seedbed {

std::string RowFolderOf(const std::string& path, const std::string& hookpoint, bool is_only_hookpoint) {
  const std::string own = JoinPath(path, hookpoint);
  return is_only_hookpoint && !PathExists(own) ? path : own;
}

absl::StatusOr<std::unique_ptr<StreamInputs>> FolderInputs::Load(const TrainerPlan& plan) {
  std::unique_ptr<FolderInputs> inputs(new FolderInputs(&plan));
  const auto hosted = plan.HostedHookpoints();
  for (const int hookpoint : hosted[plan.spec.rank()]) RETURN_IF_ERROR(inputs->OpenRows(hookpoint));
  return inputs;
}

absl::Status FolderInputs::OpenRows(int hookpoint) {
  const std::string folder = RowFolderOf(plan_.spec.gang().stream().folder_path(),
                                         plan_.hookpoints[hookpoint].ToString(), plan_.hookpoints.size() == 1);
  ASSIGN_OR_RETURN(RowStore rows, OpenRowFolder(folder, std::nullopt));
  if (rows.rows() < plan_.stream.rows_per_epoch()) {
    return absl::OutOfRangeError(
        absl::StrCat(folder, ": has ", rows.rows(), " rows, not ", plan_.stream.rows_per_epoch()));
  }
  RETURN_IF_ERROR(CheckFinite(rows));
  hosted_.push_back(hookpoint);
  widths_.push_back(rows.width());
  stores_.push_back(std::move(rows));
  return absl::OkStatus();
}

int64_t FolderInputs::width(int hookpoint) const {
  const auto found = std::find(hosted_.begin(), hosted_.end(), hookpoint);
  return widths_[static_cast<size_t>(found - hosted_.begin())];
}

absl::StatusOr<std::unique_ptr<ActivationStream>> FolderInputs::OpenStream(Collectives* collectives, Clock* clock,
                                                                           const StreamStart& start,
                                                                           std::function<void()> /*on_micro_batch*/) {
  // Nothing is exchanged, so no rank needs another any more.
  RETURN_IF_ERROR(collectives->Leave());
  FolderStreamParts parts;
  parts.stores = std::move(stores_);
  parts.hosted = hosted_;
  parts.hookpoints = static_cast<int>(plan_.hookpoints.size());
  parts.clock = clock;
  return FolderStream::Create(plan_.stream, std::move(parts), start);
}

}  // namespace seedbed
