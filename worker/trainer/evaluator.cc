#include "worker/trainer/evaluator.h"

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/inference/encoder.h"

namespace seedbed {
namespace {

// A dictionary as evaluation sees it. It encodes on the CPU, wherever the rows come from.
class DictionaryAutoencoder final : public Autoencoder {
 public:
  explicit DictionaryAutoencoder(Dictionary dictionary) : dictionary_(std::move(dictionary)) {}

  int64_t d_in() const override { return dictionary_.d_in(); }
  int64_t d_out() const override { return dictionary_.d_out(); }
  int64_t latents() const override { return dictionary_.latents(); }

  absl::StatusOr<Reconstruction> Reconstruct(const at::Tensor& rows) override {
    const at::Tensor here = rows.to(at::kCPU).contiguous();
    Reconstruction out;
    ASSIGN_OR_RETURN(out.activations, Encode(dictionary_, here));
    ASSIGN_OR_RETURN(const at::Tensor reconstructed, Decode(dictionary_, out.activations, here));
    out.rows = reconstructed.to(rows.device());
    return out;
  }

 private:
  const Dictionary dictionary_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Evaluator>> Evaluator::Make(const TrainerPlan* plan, const StreamInputs* inputs) {
  const int64_t sequences = plan->spec.gang().evaluation().sequences();
  if (sequences == 0) return nullptr;
  absl::StatusOr<std::vector<MicroBatch>> tokens = inputs->ReadHeldOut(sequences);
  if (!tokens.ok()) return Annotate(tokens.status(), absl::StrCat("evaluation.sequences is ", sequences));
  return std::unique_ptr<Evaluator>(new Evaluator(plan, inputs, *std::move(tokens)));
}

Evaluator::Evaluator(const TrainerPlan* plan, const StreamInputs* inputs, std::vector<MicroBatch> tokens)
    : plan_(*plan), inputs_(*inputs), tokens_(std::move(tokens)) {}

bool Evaluator::IsDue(int64_t before, int64_t after) const {
  const int64_t interval = plan_.spec.gang().evaluation().every_tokens();
  return interval > 0 && before / interval != after / interval;
}

absl::StatusOr<std::vector<absl::StatusOr<RunEvaluation>>> Evaluator::Evaluate(const std::vector<HostedRun*>& runs,
                                                                               const RowScales& scales,
                                                                               int64_t trained_tokens) {
  const PlannedRun& first = runs.front()->planned();
  ASSIGN_OR_RETURN(SplicedLoss * loss, LossOf({first.input, first.target}));
  std::vector<std::unique_ptr<Autoencoder>> owned;
  std::vector<Autoencoder*> autoencoders;
  for (const HostedRun* run : runs) {
    owned.push_back(std::make_unique<DictionaryAutoencoder>(run->dictionary()));
    autoencoders.push_back(owned.back().get());
  }
  absl::StatusOr<std::vector<absl::StatusOr<SplicedEvaluation>>> spliced = loss->Evaluate(autoencoders, scales);
  // What no SAE has to do with fails the rank, not a run.
  if (absl::IsAborted(spliced.status())) return absl::InvalidArgumentError(spliced.status().message());
  RETURN_IF_ERROR(spliced.status());
  std::vector<absl::StatusOr<RunEvaluation>> evaluations;
  for (const absl::StatusOr<SplicedEvaluation>& of_run : *spliced) {
    if (of_run.ok()) {
      evaluations.push_back(MakeRunEvaluation(*of_run, trained_tokens));
    } else {
      evaluations.push_back(of_run.status());
    }
  }
  return evaluations;
}

absl::StatusOr<at::Tensor> Evaluator::HeldOutRows(const HostedRun& run) {
  if (plan_.spec.gang().evaluation().held_out_rows() == 0) return at::Tensor();
  ASSIGN_OR_RETURN(SplicedLoss * loss, LossOf({run.planned().input, run.planned().target}));
  if (!loss->first_rows().defined()) RETURN_IF_ERROR(loss->Evaluate({}, {}).status());
  return loss->first_rows();
}

absl::StatusOr<LanguageModel*> Evaluator::Model() {
  if (model_ == nullptr) {
    const std::vector<std::vector<int>> hosted = plan_.HostedHookpoints();
    std::vector<Hookpoint> hookpoints;
    for (const int hookpoint : hosted[plan_.spec.rank()]) {
      hookpoints.push_back(plan_.hookpoints[hookpoint]);
    }
    ASSIGN_OR_RETURN(model_, inputs_.LoadWithHead(hookpoints));
  }
  return model_.get();
}

absl::StatusOr<SplicedLoss*> Evaluator::LossOf(const std::pair<int, int>& hookpoints) {
  const auto found = losses_.find(hookpoints);
  if (found != losses_.end()) return &found->second;
  ASSIGN_OR_RETURN(LanguageModel * model, Model());
  const SpliceSite site = {plan_.hookpoints[hookpoints.first], plan_.hookpoints[hookpoints.second]};
  const int64_t rows_to_keep = plan_.spec.gang().evaluation().held_out_rows();
  ASSIGN_OR_RETURN(SplicedLoss loss, SplicedLoss::Create(model, site, &tokens_, rows_to_keep));
  return &losses_.emplace(hookpoints, std::move(loss)).first->second;
}

}  // namespace seedbed
