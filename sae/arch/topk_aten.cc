#include "sae/arch/topk_aten.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/cumsum.h"
#include "ATen/ops/isfinite.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/mv.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/topk.h"
#include "ATen/ops/where.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "common/status.h"
#include "sae/arch/step_checks.h"
#include "sae/train/adam.h"

namespace seedbed {
namespace {

// Around the first row, so that a column of equal values has exactly that mean.
at::Tensor ColumnMeans(const at::Tensor& batch) { return batch[0] + (batch - batch[0]).mean(0); }

// The k largest of each row as a mask; among equal ones the lower index wins. torch.topk alone leaves ties open.
at::Tensor LargestMask(const at::Tensor& values, int64_t k) {
  const at::Tensor kth = std::get<0>(at::topk(values, k, /*dim=*/1)).narrow(1, k - 1, 1);
  const at::Tensor above = values > kth;
  const at::Tensor tied = values == kth;
  const at::Tensor left = k - above.sum(1, /*keepdim=*/true);
  return above | (tied & (at::cumsum(tied, 1) <= left));
}

at::Tensor UnitRows(const at::Tensor& matrix) {
  return matrix / (matrix.norm(2, {1}, /*keepdim=*/true) + std::numeric_limits<float>::epsilon());
}

at::Tensor WithoutComponentAlong(const at::Tensor& rows, const at::Tensor& gradient) {
  return gradient - (gradient * rows).sum(1, /*keepdim=*/true) * rows;
}

// Adds the auxiliary loss and its gradient by W_dec to `loss`. `error` is x - x_hat.
void AddAuxiliary(const TopkTensors& parameters, const at::Tensor& activations, const at::Tensor& error,
                  const at::Tensor& dead, double alpha, TopkLoss* loss) {
  const int64_t dead_count = dead.sum().item<int64_t>();
  if (dead_count == 0) return;
  const int64_t full = error.size(1) / 2;
  const double scale = std::min(static_cast<double>(dead_count) / static_cast<double>(full), 1.0);
  // Activations are >= 0, so -1 keeps the living out.
  const at::Tensor candidates = at::where(dead, activations, -1);
  const at::Tensor kept = LargestMask(candidates, std::min(full, dead_count));
  const at::Tensor chosen = candidates * kept;
  const at::Tensor difference = at::mm(chosen, parameters.decoder_weight) - error;
  loss->auxiliary = scale * difference.square().sum() / loss->total_variance;
  loss->gradients.decoder_weight += at::mm(chosen.t(), difference * (2 * alpha * scale / loss->total_variance));
}

class TopkAtenSae final : public TrainableSae {
 public:
  TopkAtenSae(const SaeConfig& config, const Dictionary& initial, at::Device device);

  absl::StatusOr<StepMetrics> Step(const at::Tensor& batch) override;
  int64_t steps() const override { return steps_; }
  Dictionary ExportDictionary() const override;

 private:
  absl::Status CheckFinite(const TopkLoss& loss) const;
  void Update(const TopkTensors& gradients);
  StepMetrics Metrics(const at::Tensor& batch, const TopkLoss& loss) const;

  const SaeConfig config_;
  const at::Device device_;
  TopkTensors parameters_;
  TopkTensors moments1_;
  TopkTensors moments2_;
  at::Tensor rows_since_active_;  // int64 [n]
  int64_t steps_ = 0;
};

TopkTensors ZerosLike(const TopkTensors& tensors) {
  return {at::zeros_like(tensors.encoder_weight), at::zeros_like(tensors.encoder_bias),
          at::zeros_like(tensors.decoder_weight), at::zeros_like(tensors.decoder_bias)};
}

void AdamTensor(const AdamUpdate& update, const at::Tensor& gradient, at::Tensor parameter, at::Tensor moment1,
                at::Tensor moment2) {
  moment1.mul_(update.beta1).add_(gradient, update.one_minus_beta1);
  moment2.mul_(update.beta2).addcmul_(gradient, gradient, update.one_minus_beta2);
  parameter.addcdiv_(moment1, moment2.sqrt().add_(update.epsilon), -update.step_size);
}

TopkAtenSae::TopkAtenSae(const SaeConfig& config, const Dictionary& initial, at::Device device)
    : config_(config),
      device_(device),
      parameters_{initial.encoder_weight.to(device, at::kFloat, /*non_blocking=*/false, /*copy=*/true),
                  initial.encoder_bias.to(device, at::kFloat, /*non_blocking=*/false, /*copy=*/true),
                  UnitRows(initial.decoder_weight.to(device)), at::zeros({config.d_in}, device)},
      moments1_(ZerosLike(parameters_)),
      moments2_(ZerosLike(parameters_)),
      rows_since_active_(at::zeros({config.latents}, at::TensorOptions(at::kLong).device(device))) {}

absl::StatusOr<StepMetrics> TopkAtenSae::Step(const at::Tensor& batch) {
  RETURN_IF_ERROR(CheckBatch(batch, config_.d_in, device_));
  TopkTensors parameters = parameters_;
  if (steps_ == 0) parameters.decoder_bias = ColumnMeans(batch);
  const at::Tensor dead = config_.auxiliary_alpha > 0 ? rows_since_active_ > config_.dead_after_tokens : at::Tensor();
  TopkLoss loss = ComputeTopkLoss(parameters, batch, config_.k, dead, config_.auxiliary_alpha);
  RETURN_IF_ERROR(CheckFinite(loss));
  parameters_ = parameters;
  Update(loss.gradients);
  rows_since_active_ += batch.size(0);
  rows_since_active_.masked_fill_(loss.kept, 0);
  ++steps_;
  return Metrics(batch, loss);
}

absl::Status TopkAtenSae::CheckFinite(const TopkLoss& loss) const {
  const int64_t step = steps_ + 1;
  RETURN_IF_ERROR(CheckTotalVariance(step, loss.total_variance.item<double>()));
  const std::pair<const char*, at::Tensor> tensors[] = {{"loss (FVU)", loss.squared_error / loss.total_variance},
                                                        {"auxiliary loss", loss.auxiliary},
                                                        {"gradient of encoder.weight", loss.gradients.encoder_weight},
                                                        {"gradient of W_dec", loss.gradients.decoder_weight},
                                                        {"gradient of encoder.bias", loss.gradients.encoder_bias},
                                                        {"gradient of b_dec", loss.gradients.decoder_bias}};
  for (const auto& [name, tensor] : tensors) {
    if (!at::isfinite(tensor).all().item<bool>()) return NotFinite(step, name);
  }
  return absl::OkStatus();
}

void TopkAtenSae::Update(const TopkTensors& gradients) {
  const AdamUpdate adam = AdamUpdateAt(AdamOptions(), steps_ + 1, config_.learning_rate.At(steps_));
  const at::Tensor decoder_gradient = WithoutComponentAlong(parameters_.decoder_weight, gradients.decoder_weight);
  AdamTensor(adam, gradients.encoder_weight, parameters_.encoder_weight, moments1_.encoder_weight,
             moments2_.encoder_weight);
  AdamTensor(adam, gradients.encoder_bias, parameters_.encoder_bias, moments1_.encoder_bias, moments2_.encoder_bias);
  AdamTensor(adam, decoder_gradient, parameters_.decoder_weight, moments1_.decoder_weight, moments2_.decoder_weight);
  AdamTensor(adam, gradients.decoder_bias, parameters_.decoder_bias, moments1_.decoder_bias, moments2_.decoder_bias);
  parameters_.decoder_weight = UnitRows(parameters_.decoder_weight);
}

StepMetrics TopkAtenSae::Metrics(const at::Tensor& batch, const TopkLoss& loss) const {
  const double squared_error = loss.squared_error.item<double>();
  const double dead = (rows_since_active_ > config_.dead_after_tokens).sum().item<double>();
  StepMetrics metrics;
  metrics.fvu = squared_error / loss.total_variance.item<double>();
  metrics.mse = squared_error / static_cast<double>(batch.numel());
  metrics.l0 = loss.active.item<double>() / static_cast<double>(batch.size(0));
  metrics.dead_fraction = dead / static_cast<double>(config_.latents);
  metrics.auxiliary_loss = loss.auxiliary.item<double>();
  return metrics;
}

Dictionary TopkAtenSae::ExportDictionary() const {
  const auto copy = [](const at::Tensor& tensor) {
    return tensor.to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  };
  Dictionary dictionary;
  dictionary.architecture = config_.architecture;
  dictionary.k = config_.k;
  dictionary.encoder_weight = copy(parameters_.encoder_weight);
  dictionary.encoder_bias = copy(parameters_.encoder_bias);
  dictionary.decoder_weight = copy(parameters_.decoder_weight);
  dictionary.decoder_bias = copy(parameters_.decoder_bias);
  return dictionary;
}

}  // namespace

TopkLoss ComputeTopkLoss(const TopkTensors& parameters, const at::Tensor& batch, int64_t k, const at::Tensor& dead,
                         double auxiliary_alpha) {
  const at::Tensor centered = batch - parameters.decoder_bias;
  const at::Tensor activations = at::relu(at::mm(centered, parameters.encoder_weight.t()) + parameters.encoder_bias);
  const at::Tensor kept = LargestMask(activations, k);
  const at::Tensor features = activations * kept;
  const at::Tensor positive = features > 0;
  const at::Tensor error = centered - at::mm(features, parameters.decoder_weight);

  TopkLoss loss;
  loss.total_variance = (batch - ColumnMeans(batch)).square().sum();
  loss.squared_error = error.square().sum();
  loss.auxiliary = at::zeros_like(loss.squared_error);
  loss.kept = kept.any(0);
  loss.active = positive.sum();

  const at::Tensor output_gradient = error * (-2 / loss.total_variance);
  const at::Tensor feature_gradient = at::mm(output_gradient, parameters.decoder_weight.t()) * positive;
  TopkTensors& gradients = loss.gradients;
  gradients.encoder_weight = at::mm(feature_gradient.t(), centered);
  gradients.encoder_bias = feature_gradient.sum(0);
  gradients.decoder_weight = at::mm(features.t(), output_gradient);
  // Through x_hat and, minus, through x - b_dec.
  gradients.decoder_bias = output_gradient.sum(0) - at::mv(parameters.encoder_weight.t(), gradients.encoder_bias);
  if (dead.defined()) AddAuxiliary(parameters, activations, error, dead, auxiliary_alpha, &loss);
  return loss;
}

std::unique_ptr<TrainableSae> MakeTopkAtenSae(const SaeConfig& config, const Dictionary& initial, at::Device device) {
  return std::make_unique<TopkAtenSae>(config, initial, device);
}

}  // namespace seedbed
