#include "worker/trainer/hosted_run.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {

namespace {

absl::StatusOr<std::unique_ptr<TrainableSae>> MakeSae(const SaeConfig& config, const std::string& device,
                                                      const std::string& init_from) {
  if (init_from.empty()) return MakeTrainableSae(config, device);
  absl::StatusOr<Dictionary> initial = LoadDictionary(init_from);
  if (!initial.ok()) return Annotate(initial.status(), "init_from");
  absl::StatusOr<std::unique_ptr<TrainableSae>> sae = MakeTrainableSae(config, device, &*initial);
  if (!sae.ok()) return Annotate(sae.status(), absl::StrCat("init_from ", init_from));
  return sae;
}

}  // namespace

absl::StatusOr<HostedRun> HostedRun::Make(const TrainerPlan& plan, const PlannedRun& run, int64_t d_in, int64_t d_out) {
  SaeConfig config = run.sae;
  config.d_in = d_in;
  config.d_out = d_out;
  absl::StatusOr<std::unique_ptr<TrainableSae>> sae = MakeSae(config, plan.spec.device(), run.spec.init_from());
  if (!sae.ok()) return Annotate(sae.status(), absl::StrCat("run ", run.run_id));
  return HostedRun(run, *std::move(sae), RunRecorder(plan.stream, config.learning_rate));
}

HostedRun::HostedRun(PlannedRun planned, std::unique_ptr<TrainableSae> sae, RunRecorder recorder)
    : planned_(std::move(planned)), sae_(std::move(sae)), recorder_(std::move(recorder)) {}

absl::Status HostedRun::Step(const at::Tensor& input, const at::Tensor& target) {
  ASSIGN_OR_RETURN(const StepMetrics metrics, sae_->Step(input, target));
  recorder_.Add(metrics);
  return absl::OkStatus();
}

StateTensors HostedRun::State() {
  StateTensors state;
  AddState("sae", sae_->State(), &state);
  AddState("recorder", recorder_.State(), &state);
  AddState("evaluations", StateOfEvaluations(evaluations_), &state);
  return state;
}

absl::Status HostedRun::Restore(const StateTensors& state) {
  RunRecorder recorder = recorder_;
  RETURN_IF_ERROR(recorder.Restore(StateUnder("recorder", state)));
  ASSIGN_OR_RETURN(std::vector<RunEvaluation> evaluations, EvaluationsOfState(StateUnder("evaluations", state)));
  RETURN_IF_ERROR(sae_->Restore(StateUnder("sae", state)));
  recorder_ = std::move(recorder);
  evaluations_ = std::move(evaluations);
  resumed_step_ = recorder_.steps();
  return absl::OkStatus();
}

void HostedRun::FinishTraining() {
  dictionary_ = sae_->ExportDictionary();
  sae_.reset();
}

void HostedRun::End() {
  sae_.reset();
  dictionary_.reset();
}

}  // namespace seedbed
