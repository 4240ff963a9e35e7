#include "worker/trainer/hosted_run.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {

absl::StatusOr<HostedRun> HostedRun::Make(const TrainerPlan& plan, const PlannedRun& run, int64_t d_model) {
  SaeConfig config = run.sae;
  config.d_in = d_model;
  absl::StatusOr<std::unique_ptr<TrainableSae>> sae = MakeTrainableSae(config, plan.spec.device());
  if (!sae.ok()) return Annotate(sae.status(), absl::StrCat("run ", run.run_id));
  return HostedRun(run, *std::move(sae), RunRecorder(plan.stream, config.learning_rate));
}

HostedRun::HostedRun(PlannedRun planned, std::unique_ptr<TrainableSae> sae, RunRecorder recorder)
    : planned_(std::move(planned)), sae_(std::move(sae)), recorder_(std::move(recorder)) {}

absl::Status HostedRun::Step(const at::Tensor& batch) {
  ASSIGN_OR_RETURN(const StepMetrics metrics, sae_->Step(batch));
  recorder_.Add(metrics);
  return absl::OkStatus();
}

}  // namespace seedbed
