#include "worker/trainer/stream_inputs.h"

#include "worker/trainer/folder_inputs.h"
#include "worker/trainer/model_inputs.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<StreamInputs>> StreamInputs::Load(const TrainerPlan& plan) {
  return plan.spec.gang().stream().folder_path().empty() ? ModelInputs::Load(plan) : FolderInputs::Load(plan);
}

}  // namespace seedbed
