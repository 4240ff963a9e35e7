#include "sae/arch/sae_trainer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/ops/mv.h"
#include "common/status.h"
#include "sae/arch/initialization.h"
#include "sae/arch/step_checks.h"
#include "sae/arch/trained_dictionary.h"

namespace seedbed {
namespace {

PenaltyKind PenaltyOf(const SaeConfig& config) {
  if (config.architecture != "jumprelu") return PenaltyKind::kActivations;
  return config.convention == Convention::kDictionaryLearning ? PenaltyKind::kDistance : PenaltyKind::kL0;
}

}  // namespace

SaeTrainer::SaeTrainer(const SaeConfig& config, std::unique_ptr<SaeEngine> engine, at::Device device, Start start)
    : config_(config),
      device_(device),
      start_(start),
      engine_(std::move(engine)),
      optimizer_(config.optimizer),
      sparsity_({config.sparsity_coefficient, config.sparsity_warmup_steps, config.target_l0, PenaltyOf(config),
                 config.learning_rate}),
      threshold_({config.threshold_decay, config.threshold_start_step,
                  config.convention == Convention::kSaeLens ? ActivationThreshold::Start::kZero
                                                            : ActivationThreshold::Start::kFirst}) {}

absl::Status SaeTrainer::CheckBatches(const at::Tensor& input, const at::Tensor& target) const {
  RETURN_IF_ERROR(CheckBatch(input, config_.d_in, device_));
  RETURN_IF_ERROR(CheckBatch(target, config_.target_width(), device_));
  if (input.size(0) == target.size(0)) return absl::OkStatus();
  return absl::InvalidArgumentError("the batch's input and target have different numbers of rows");
}

void SaeTrainer::Launch(const at::Tensor& input, const at::Tensor& target) {
  // The first step waits for the batch anyway.
  if (sets_start() || !CheckBatches(input, target).ok()) return;
  engine_->Launch(input, target, {steps_ + 1, sparsity_.Coefficient()});
}

absl::StatusOr<StepMetrics> SaeTrainer::Step(const at::Tensor& input, const at::Tensor& target) {
  RETURN_IF_ERROR(CheckBatches(input, target));
  const double coefficient = sparsity_.Coefficient();
  ASSIGN_OR_RETURN(const BatchLosses losses, Differentiate(input, target, coefficient));
  ASSIGN_OR_RETURN(const double scale, ClippingScale());
  engine_->Update(optimizer_.Next(config_.learning_rate.At(steps_), scale));
  ++steps_;
  const StepMetrics metrics = Metrics(target, losses, coefficient);
  const double rows = static_cast<double>(target.size(0));
  sparsity_.Advance({metrics.l0, losses.squared_error / rows, losses.total_variance / rows});
  threshold_.Advance(losses.smallest_active);
  return metrics;
}

absl::StatusOr<BatchLosses> SaeTrainer::Differentiate(const at::Tensor& input, const at::Tensor& target,
                                                      double coefficient) {
  const StepPlan plan = {steps_ + 1, coefficient};
  if (!sets_start()) return engine_->Differentiate(input, target, plan);
  const SaeTensors before = SetStart(input, target);
  absl::StatusOr<BatchLosses> losses = engine_->Differentiate(input, target, plan);
  if (!losses.ok()) engine_->SetBiases(before.decoder_bias, before.encoder_bias);
  return losses;
}

SaeTensors SaeTrainer::SetStart(const at::Tensor& input, const at::Tensor& target) {
  const SaeTensors parameters = engine_->Parameters();
  SaeTensors before;
  before.decoder_bias = parameters.decoder_bias.clone();
  at::Tensor encoder_bias;
  if (config_.transcoder && config_.convention == Convention::kSparsify) {
    // So that pre-activations are centred; sparsify does that to b_enc.
    encoder_bias = -at::mv(parameters.encoder_weight, ColumnMeans(input));
    before.encoder_bias = parameters.encoder_bias.clone();
  }
  engine_->SetBiases(StartingDecoderBias(config_.decoder_bias_start, target), encoder_bias);
  return before;
}

// As torch.nn.utils.clip_grad_norm_.
absl::StatusOr<double> SaeTrainer::ClippingScale() {
  constexpr double kEpsilon = 1e-6;
  if (config_.gradient_clip == 0) return 1.0;
  const double norm = engine_->GradientNorm();
  if (!std::isfinite(norm)) return NotFinite(steps_ + 1, "norm of the gradients");
  return std::min(1.0, config_.gradient_clip / (norm + kEpsilon));
}

StepMetrics SaeTrainer::Metrics(const at::Tensor& target, const BatchLosses& losses, double coefficient) const {
  StepMetrics metrics;
  metrics.fvu = losses.squared_error / losses.total_variance;
  metrics.mse = losses.squared_error / static_cast<double>(target.numel());
  metrics.l0 = static_cast<double>(losses.active) / static_cast<double>(target.size(0));
  metrics.dead_fraction = static_cast<double>(engine_->DeadLatents()) / static_cast<double>(config_.latents);
  metrics.auxiliary_loss = losses.auxiliary;
  metrics.loss = losses.loss;
  metrics.sparsity_coefficient = coefficient;
  return metrics;
}

StateTensors SaeTrainer::State() {
  StateTensors state;
  AddState("engine", engine_->State(), &state);
  state["steps"] = SharedState(&steps_);
  const auto add_numbers_of = [&state](const std::string& part) {
    return [&state, part](const char* name, auto* number) { state[part + "." + name] = SharedState(number); };
  };
  optimizer_.VisitState(add_numbers_of("optimizer"));
  sparsity_.VisitState(add_numbers_of("sparsity"));
  threshold_.VisitState(add_numbers_of("threshold"));
  return state;
}

absl::Status SaeTrainer::Restore(const StateTensors& state) {
  RETURN_IF_ERROR(RestoreState(state, State()));
  engine_->Restored();
  return absl::OkStatus();
}

Dictionary SaeTrainer::ExportDictionary() const {
  return TrainedDictionary(config_, engine_->AveragedParameters(), threshold_.value());
}

}  // namespace seedbed
