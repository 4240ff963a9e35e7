#include "server/scheduler/sweep_validation.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/scheduler/grid_validation.h"
#include "server/scheduler/hookpoint_name.h"
#include "server/scheduler/scheduling_validation.h"
#include "server/scheduler/stream_validation.h"
#include "server/scheduler/sweep_defaults.h"
#include "server/scheduler/train_validation.h"

namespace seedbed {
namespace {

constexpr int64_t kMostHeldOutRows = 65536;

void CheckEvaluation(const v1::SweepSpec& spec, ViolationList& violations) {
  const v1::EvaluationSpec& evaluation = spec.evaluation();
  if (spec.has_evaluation() && ReadsFolder(spec)) {
    violations.Add("evaluation", "is given; must be absent where activations come from a folder");
    return;
  }
  violations.CheckRange<int64_t>("evaluation.sequences", evaluation.sequences(), 0, kMostTokens);
  if (evaluation.has_every_tokens()) {
    violations.CheckRange<int64_t>("evaluation.every_tokens", evaluation.every_tokens(), 1,
                                   std::numeric_limits<int64_t>::max());
  }
  violations.CheckRange<int64_t>("evaluation.held_out_rows", evaluation.held_out_rows(), 0, kMostHeldOutRows);
  if (evaluation.sequences() > 0) return;
  constexpr char kNeedsSequences[] = "is given; must be absent unless evaluation.sequences is above 0";
  if (evaluation.has_every_tokens()) violations.Add("evaluation.every_tokens", kNeedsSequences);
  if (evaluation.has_held_out_rows()) violations.Add("evaluation.held_out_rows", kNeedsSequences);
}

void CheckCheckpoint(const v1::CheckpointSpec& checkpoint, ViolationList& violations) {
  constexpr double kMostMinutes = 7 * 24 * 60;
  violations.CheckRange<int64_t>("checkpoint.every_tokens", checkpoint.every_tokens(), 0,
                                 std::numeric_limits<int64_t>::max());
  violations.CheckRange<double>("checkpoint.every_minutes", checkpoint.every_minutes(), 0, kMostMinutes);
}

// The scale of the rows is not known before the first of them, and a dictionary's weights are those of rows as they
// are.
void CheckInitFrom(const v1::SweepSpec& spec, ViolationList& violations) {
  if (!spec.train().has_init_from() || spec.activations().normalize() != v1::NORMALIZATION_MEAN_SQUARE) return;
  violations.Add("train.init_from", "is given; must be absent where activations.normalize is mean_square");
}

void CheckAgreement(const v1::SweepSpec& spec, ViolationList& violations) {
  violations.CheckRange<double>("agreement.threshold", spec.agreement().threshold(), -1, 1);
  const int members = spec.agreement().consensus_members();
  const int seeds = spec.sae().seeds_size();
  if (members == 0 || (members >= 2 && members <= seeds)) return;
  violations.Add("agreement.consensus_members",
                 absl::StrCat("is ", members, "; must be 0, or from 2 to the number of sae.seeds (", seeds, ")"));
}

void CheckRest(const v1::SweepSpec& spec, ViolationList& violations) {
  CheckAgreement(spec, violations);
  CheckScheduling(spec, violations);
  CheckEvaluation(spec, violations);
  CheckCheckpoint(spec.checkpoint(), violations);
  CheckInitFrom(spec, violations);
}

}  // namespace

void CheckSteps(const v1::SweepSpec& spec, const StreamShape& shape, ViolationList& violations) {
  const v1::TrainSpec& train = spec.train();
  if (shape.steps_per_run < 1) {
    violations.Add("train.batch_tokens",
                   absl::StrCat("is ", train.batch_tokens(), "; must be at most the rows of all epochs (",
                                shape.rows_per_epoch * train.epochs(), "), or no step can be taken"));
  } else if (train.decay_start_step() >= shape.steps_per_run) {
    violations.Add("train.decay_start_step",
                   absl::StrCat("is ", train.decay_start_step(), "; must be less than the steps of a run (",
                                shape.steps_per_run, ")"));
  }
}

ValidatedSweep ValidateSweep(v1::SweepSpec spec) {
  FillConstantDefaults(spec);
  ViolationList violations;
  CheckPlainName("name", spec.name(), violations);
  CheckStream(spec, violations);
  CheckTrain(spec.train(), violations);
  const bool has_shape = violations.empty() && !ReadsFolder(spec);
  CheckRest(spec, violations);
  CheckGrid(spec.sae(), violations);
  if (violations.empty()) CheckTrainOfGrid(spec, violations);
  if (has_shape) {
    CheckMixture(spec, violations);
    CheckSteps(spec, ShapeOf(spec, std::nullopt), violations);
  }
  return {std::move(spec), violations.Take()};
}

}  // namespace seedbed
