// JumpReLU (Rajamanoharan et al. 2024, "Jumping ahead"). With p = W_enc c + b_enc and a threshold t of each latent:
//   f = p where p > t, 0 elsewhere;  L0 = mean_B sum [p > t]
//   SAELens              loss = mean_B sum e^2 + coefficient L0, or with tanh instead of L0 mean_B sum tanh(4 f_i
//   |W_dec[i]|);
//                        t is kept at or above 0
//   dictionary_learning  loss = mean_B sum e^2 + coefficient (L0 / loss_target_l0 - 1)^2, c = x
// Straight-through estimators, with r = [|p - t| < bandwidth / 2]: df/dt = -t / bandwidth r, d[p > t]/dt = -1 /
// bandwidth r; in dictionary_learning's L0, f stands for p in both [p > t] and r.
#include "ATen/TensorOperators.h"
#include "ATen/ops/abs.h"
#include "ATen/ops/full.h"
#include "ATen/ops/tanh.h"
#include "absl/strings/str_cat.h"
#include "sae/arch/architectures.h"
#include "sae/arch/cpu/penalty_engine.h"
#include "sae/arch/loss_terms.h"

namespace seedbed {
namespace {

constexpr double kTanhScale = 4;

// [B, n], 0, with the given derivative by the threshold.
at::Tensor ThresholdGradient(const at::Tensor& derivative, const at::Tensor& threshold) {
  return derivative * (threshold - threshold.detach());
}

at::Tensor InBand(const LossInput& in, const at::Tensor& values) {
  return at::abs(values.detach() - in.parameters.threshold.detach()) < in.config.bandwidth / 2;
}

at::Tensor JumpRelu(const LossInput& in, const at::Tensor& pre) {
  const at::Tensor& threshold = in.parameters.threshold;
  const at::Tensor derivative = threshold.detach() * InBand(in, pre) * (-1 / in.config.bandwidth);
  return pre * (pre > threshold).detach() + ThresholdGradient(derivative, threshold);
}

at::Tensor L0(const LossInput& in, const at::Tensor& values) {
  const at::Tensor& threshold = in.parameters.threshold;
  const at::Tensor derivative = InBand(in, values) * (-1 / in.config.bandwidth);
  return MeanOfRowSums((values > threshold).detach() + ThresholdGradient(derivative, threshold));
}

at::Tensor Penalty(const LossInput& in, const at::Tensor& pre, const at::Tensor& features) {
  if (in.config.convention == Convention::kDictionaryLearning) {
    return (L0(in, features) / in.config.loss_target_l0 - 1).square();
  }
  if (in.config.jumprelu_penalty == JumpreluPenalty::kStep) return L0(in, pre);
  return MeanOfRowSums(at::tanh(kTanhScale * features * DecoderNorms(in)));
}

SaeLoss JumpreluLoss(const LossInput& in) {
  const at::Tensor pre = EncoderProduct(in) + in.parameters.encoder_bias;
  const at::Tensor features = JumpRelu(in, pre);
  SaeLoss out;
  out.reconstruction = Decode(in, features);
  out.activations = features.detach();
  out.fired = FiredLatents(out.activations);
  out.loss = MeanSquaredError(in.target, out.reconstruction) + in.sparsity_coefficient * Penalty(in, pre, features);
  return out;
}

absl::Status CheckJumprelu(const SaeConfig& config) {
  const auto must_be_positive = [](absl::string_view field, double value) {
    return value > 0 ? absl::OkStatus()
                     : absl::InvalidArgumentError(absl::StrCat(field, " is ", value, ", allowed are numbers above 0"));
  };
  absl::Status status = must_be_positive("bandwidth", config.bandwidth);
  status.Update(must_be_positive("initial_threshold", config.initial_threshold));
  if (config.convention == Convention::kDictionaryLearning) {
    status.Update(must_be_positive("loss_target_l0", config.loss_target_l0));
  }
  return status;
}

void AddThreshold(const SaeConfig& config, SaeTensors* tensors) {
  tensors->threshold = at::full({config.latents}, config.initial_threshold);
}

}  // namespace

Architecture JumpreluArchitecture() {
  return {"jumprelu",     {Convention::kSaeLens, Convention::kDictionaryLearning},
          &CheckJumprelu, &AddThreshold,
          &JumpreluLoss,  &MakePenaltyEngine};
}

}  // namespace seedbed
