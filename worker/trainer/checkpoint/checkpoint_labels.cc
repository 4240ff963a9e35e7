#include "worker/trainer/checkpoint/checkpoint_labels.h"

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "nlohmann/json.hpp"

namespace seedbed {

CheckpointLabels::CheckpointLabels(const TrainerPlan& plan, const StreamIdentity& identity)
    : stream_(Sha256Hex(
          absl::StrCat(nlohmann::json(identity).dump(), "\n", plan.spec.gang().stream().SerializeAsString()))),
      evaluation_(plan.spec.gang().evaluation().SerializeAsString()) {}

std::string CheckpointLabels::OfRun(const PlannedRun& run) const {
  return Sha256Hex(
      absl::StrCat(stream_, "\n", Sha256Hex(evaluation_), "\n", run.run_id, "\n", run.spec.SerializeAsString()));
}

}  // namespace seedbed
