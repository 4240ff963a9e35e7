#include "worker/trainer/stream_inputs.h"

#include "worker/trainer/folder_inputs.h"
#include "worker/trainer/model_inputs.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<StreamInputs>> StreamInputs::Load(const TrainerPlan& plan) {
  return plan.spec.gang().stream().folder_path().empty() ? ModelInputs::Load(plan) : FolderInputs::Load(plan);
}

absl::StatusOr<std::vector<MicroBatch>> StreamInputs::ReadHeldOut(int64_t /*sequences*/) const {
  return absl::InvalidArgumentError("evaluation: the activations come from a folder, so there are no held-out tokens");
}

absl::StatusOr<std::unique_ptr<LanguageModel>> StreamInputs::LoadWithHead(
    const std::vector<Hookpoint>& /*hookpoints*/) const {
  return absl::InvalidArgumentError("evaluation: the activations come from a folder, so there is no language model");
}

}  // namespace seedbed
