#include "sae/arch/definition_engine.h"

#include <cmath>
#include <limits>
#include <vector>

#include "ATen/Context.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/count_nonzero.h"
#include "ATen/ops/isfinite.h"
#include "ATen/ops/stack.h"
#include "ATen/ops/where.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/arch/initialization.h"
#include "sae/arch/step_checks.h"
#include "sae/checkpoint/expected_tensors.h"

namespace seedbed {
namespace {

template <typename Body>
void ForEachTensor(const SaeTensors& tensors, Body body) {
  for (const SaeTensorField& field : kSaeTensorFields) {
    if ((tensors.*field.member).defined()) body(field);
  }
}

template <typename Function>
SaeTensors Map(const SaeTensors& tensors, Function function) {
  SaeTensors mapped;
  ForEachTensor(tensors, [&](const SaeTensorField& field) { mapped.*field.member = function(tensors.*field.member); });
  return mapped;
}

at::Tensor Lerp(const at::Tensor& from, const at::Tensor& to, double weight) { return from + weight * (to - from); }

// What a step measures of its losses, in one tensor: a GPU is asked once.
enum Number { kLoss, kTotalVariance, kSquaredError, kAuxiliary, kActive, kSmallestActive, kLossNumbers };

class DefinitionEngine final : public SaeEngine {
 public:
  DefinitionEngine(const Architecture& architecture, const SaeConfig& config, const SaeTensors& initial,
                   at::Device device);

  SaeTensors Parameters() const override { return parameters_; }
  SaeTensors AveragedParameters() const override;
  void SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) override;
  absl::StatusOr<BatchLosses> Differentiate(const at::Tensor& input, const at::Tensor& target,
                                            const StepPlan& plan) override;
  double GradientNorm() override;
  void Update(const OptimizerUpdate& update) override;
  int64_t DeadLatents() const override;
  StateTensors State() override;

 private:
  bool is_signum() const { return config_.optimizer.kind == OptimizerKind::kSignum; }
  // Whether encoding after training asks for the smallest activation.
  bool has_threshold() const { return HasK(config_.architecture) && config_.architecture != "topk"; }
  void SetMatrixPrecision() const;
  void FindGradients(const SaeTensors& leaves, const SaeLoss& loss);
  at::Tensor Measure(const SaeLoss& loss, const at::Tensor& target, const at::Tensor& total_variance) const;
  at::Tensor GradientsFinite() const;
  absl::Status Check(const at::Tensor& numbers, int64_t step) const;
  BatchLosses LossesOf(const at::Tensor& numbers) const;
  void UpdateWithAdam(const OptimizerUpdate& update, const SaeTensorField& field);
  void UpdateWithSignum(const OptimizerUpdate& update, const SaeTensorField& field);

  const Architecture architecture_;
  const SaeConfig config_;
  SaeTensors parameters_;
  SaeTensors moments1_;           // Of Signum: z.
  SaeTensors moments2_;           // Of Adam alone.
  at::Tensor rows_since_active_;  // int64 [n]
  // Of one step.
  SaeTensors gradients_;
  at::Tensor fired_;
  int64_t rows_ = 0;
};

DefinitionEngine::DefinitionEngine(const Architecture& architecture, const SaeConfig& config, const SaeTensors& initial,
                                   at::Device device)
    : architecture_(architecture), config_(config) {
  parameters_ = Map(initial, [&](const at::Tensor& tensor) {
    return tensor.to(device, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
  });
  const auto zeros = [](const at::Tensor& tensor) { return at::zeros_like(tensor); };
  moments1_ = Map(parameters_, [&](const at::Tensor& tensor) { return is_signum() ? tensor.clone() : zeros(tensor); });
  if (!is_signum()) moments2_ = Map(parameters_, zeros);
  rows_since_active_ = at::zeros({config.latents}, at::TensorOptions(at::kLong).device(device));
}

SaeTensors DefinitionEngine::AveragedParameters() const {
  if (!is_signum()) return parameters_;
  SaeTensors averages;
  ForEachTensor(parameters_, [&](const SaeTensorField& field) {
    averages.*field.member =
        Lerp(parameters_.*field.member, moments1_.*field.member, 1 - 1 / config_.optimizer.momentum);
  });
  return averages;
}

void DefinitionEngine::SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) {
  parameters_.decoder_bias.copy_(decoder_bias);
  if (encoder_bias.defined()) parameters_.encoder_bias.copy_(encoder_bias);
  if (!is_signum()) return;
  moments1_.decoder_bias.copy_(decoder_bias);
  if (encoder_bias.defined()) moments1_.encoder_bias.copy_(encoder_bias);
}

absl::StatusOr<BatchLosses> DefinitionEngine::Differentiate(const at::Tensor& input, const at::Tensor& target,
                                                            const StepPlan& plan) {
  SetMatrixPrecision();
  const at::AutoGradMode with_gradients(true);
  const SaeTensors leaves =
      Map(parameters_, [](const at::Tensor& tensor) { return tensor.detach().requires_grad_(true); });
  const at::Tensor total_variance = (target - ColumnMeans(target)).square().sum();
  const at::Tensor since = config_.auxiliary_alpha > 0 ? rows_since_active_ : at::Tensor();
  SaeLoss loss = architecture_.loss({config_, leaves, input, target, total_variance, since, plan.sparsity_coefficient});
  const at::Tensor measured = Measure(loss, target, total_variance);
  loss.activations = at::Tensor();  // Two of [B, n] less beside what backward takes.
  loss.ranks = at::Tensor();
  FindGradients(leaves, loss);
  // The one time that the host waits for a GPU, but for what the loss itself asks.
  const at::Tensor numbers = at::cat({measured, GradientsFinite()}).cpu();
  RETURN_IF_ERROR(Check(numbers, plan.step));
  fired_ = loss.fired;
  rows_ = input.size(0);
  return LossesOf(numbers);
}

// A setting of the whole process, so every step says what it needs.
void DefinitionEngine::SetMatrixPrecision() const {
  if (parameters_.encoder_weight.is_cuda()) {
    at::globalContext().setAllowTF32CuBLAS(config_.compute == ComputeType::kTf32);
  }
}

void DefinitionEngine::FindGradients(const SaeTensors& leaves, const SaeLoss& loss) {
  loss.loss.backward();
  const at::AutoGradMode without_gradients(false);
  gradients_ = Map(leaves, [](const at::Tensor& leaf) {
    const at::Tensor gradient = leaf.grad();
    return gradient.defined() ? gradient : at::zeros_like(leaf);
  });
  if (!config_.unit_decoder()) return;
  const at::Tensor& rows = parameters_.decoder_weight;
  const at::Tensor units = rows / (rows.norm(2, {1}, /*keepdim=*/true) + std::numeric_limits<float>::epsilon());
  gradients_.decoder_weight -= (gradients_.decoder_weight * units).sum(1, /*keepdim=*/true) * units;
}

// As Number counts them.
at::Tensor DefinitionEngine::Measure(const SaeLoss& loss, const at::Tensor& target,
                                     const at::Tensor& total_variance) const {
  const at::AutoGradMode without_gradients(false);
  std::vector<at::Tensor> numbers(kLossNumbers, at::zeros({}, total_variance.options()));
  numbers[kTotalVariance] = total_variance;
  numbers[kSquaredError] = (target - loss.reconstruction).square().sum();
  if (loss.auxiliary.defined()) numbers[kAuxiliary] = loss.auxiliary;
  numbers[kLoss] = loss.loss;
  numbers[kActive] = at::count_nonzero(loss.activations);
  if (has_threshold()) {
    const at::Tensor& ranks = loss.ranks.defined() ? loss.ranks : loss.activations;
    numbers[kSmallestActive] = at::where(ranks > 0, ranks, std::numeric_limits<double>::infinity()).min();
  }
  for (at::Tensor& number : numbers) number = number.detach().to(at::kDouble);
  return at::stack(numbers);
}

// 1 for every tensor's gradient that is, in the order of kSaeTensorFields.
at::Tensor DefinitionEngine::GradientsFinite() const {
  std::vector<at::Tensor> finite;
  ForEachTensor(gradients_, [&](const SaeTensorField& field) {
    finite.push_back(at::isfinite(gradients_.*field.member).all().to(at::kDouble));
  });
  return at::stack(finite);
}

absl::Status DefinitionEngine::Check(const at::Tensor& numbers, int64_t step) const {
  const double* number = numbers.const_data_ptr<double>();
  RETURN_IF_ERROR(CheckTotalVariance(step, number[kTotalVariance]));
  if (!std::isfinite(number[kSquaredError] / number[kTotalVariance])) return NotFinite(step, "loss (FVU)");
  if (!std::isfinite(number[kAuxiliary])) return NotFinite(step, "auxiliary loss");
  if (!std::isfinite(number[kLoss])) return NotFinite(step, "loss");
  const double* is_finite = number + kLossNumbers;
  for (const SaeTensorField& field : kSaeTensorFields) {
    if (!(gradients_.*field.member).defined()) continue;
    if (*is_finite++ == 0) return NotFinite(step, absl::StrCat("gradient of ", field.name));
  }
  return absl::OkStatus();
}

BatchLosses DefinitionEngine::LossesOf(const at::Tensor& numbers) const {
  const double* number = numbers.const_data_ptr<double>();
  BatchLosses losses;
  losses.loss = number[kLoss];
  losses.total_variance = number[kTotalVariance];
  losses.squared_error = number[kSquaredError];
  losses.auxiliary = number[kAuxiliary];
  losses.active = static_cast<int64_t>(number[kActive]);
  losses.smallest_active = std::isfinite(number[kSmallestActive]) ? number[kSmallestActive] : 0;
  return losses;
}

double DefinitionEngine::GradientNorm() {
  std::vector<at::Tensor> squares;
  ForEachTensor(gradients_, [&](const SaeTensorField& field) {
    squares.push_back((gradients_.*field.member).square().sum().to(at::kDouble));
  });
  return std::sqrt(at::stack(squares).sum().item<double>());
}

void DefinitionEngine::Update(const OptimizerUpdate& update) {
  ForEachTensor(parameters_, [&](const SaeTensorField& field) {
    if (is_signum()) {
      UpdateWithSignum(update, field);
    } else {
      UpdateWithAdam(update, field);
    }
  });
  gradients_ = {};
  at::Tensor& decoder = parameters_.decoder_weight;
  if (config_.unit_decoder()) {
    decoder /= decoder.norm(2, {1}, /*keepdim=*/true) + std::numeric_limits<float>::epsilon();
  }
  // Below 0 the gate would let negative values pass.
  const bool keeps_positive = config_.convention == Convention::kSaeLens && parameters_.threshold.defined();
  if (keeps_positive) parameters_.threshold.clamp_min_(0);
  rows_since_active_ += rows_;
  rows_since_active_.masked_fill_(fired_, 0);
}

void DefinitionEngine::UpdateWithAdam(const OptimizerUpdate& update, const SaeTensorField& field) {
  const AdamUpdate& adam = update.adam;
  const at::Tensor gradient = gradients_.*field.member * update.gradient_scale;
  at::Tensor& moment1 = moments1_.*field.member;
  at::Tensor& moment2 = moments2_.*field.member;
  moment1.mul_(adam.beta1).add_(gradient, adam.one_minus_beta1);
  moment2.mul_(adam.beta2).addcmul_(gradient, gradient, adam.one_minus_beta2);
  (parameters_.*field.member).addcdiv_(moment1, moment2.sqrt().add_(adam.epsilon), -adam.step_size);
}

void DefinitionEngine::UpdateWithSignum(const OptimizerUpdate& update, const SaeTensorField& field) {
  const SignumUpdate& signum = update.signum;
  const double momentum = signum.momentum;
  at::Tensor& y = parameters_.*field.member;
  at::Tensor& z = moments1_.*field.member;
  const at::Tensor average = Lerp(y, z, 1 - 1 / momentum);
  z.add_((gradients_.*field.member).sign(), -signum.learning_rate);
  y.copy_(Lerp(Lerp(average, z, signum.average_weight), z, 1 - momentum));
}

int64_t DefinitionEngine::DeadLatents() const {
  return (rows_since_active_ > config_.dead_after_tokens).sum().item<int64_t>();
}

StateTensors DefinitionEngine::State() {
  StateTensors state = {{"rows_since_active", rows_since_active_}};
  ForEachTensor(parameters_, [&](const SaeTensorField& field) {
    AddState(field.name,
             {{"value", parameters_.*field.member},
              {"moment1", moments1_.*field.member},
              {"moment2", moments2_.*field.member}},
             &state);
  });
  return state;
}

}  // namespace

std::unique_ptr<SaeEngine> MakeDefinitionEngine(const Architecture& architecture, const SaeConfig& config,
                                                const SaeTensors& initial, at::Device device) {
  return std::make_unique<DefinitionEngine>(architecture, config, initial, device);
}

}  // namespace seedbed
