// ReLU with an L1 penalty (Bricken et al. 2023): f = relu(W_enc c + b_enc).
//   dictionary_learning  loss = mean_B sum e^2 + coefficient mean_B sum f_i, with unit decoder rows
//   SAELens              loss = mean_B sum e^2 + coefficient mean_B sum f_i |W_dec[i]|
#include "ATen/ops/relu.h"

#include "ATen/TensorOperators.h"
#include "sae/arch/architectures.h"
#include "sae/arch/cpu/penalty_engine.h"
#include "sae/arch/loss_terms.h"

namespace seedbed {
namespace {

SaeLoss ReluLoss(const LossInput& in) {
  const at::Tensor features = at::relu(EncoderProduct(in) + in.parameters.encoder_bias);
  SaeLoss out;
  out.reconstruction = Decode(in, features);
  out.activations = features.detach();
  out.fired = FiredLatents(out.activations);
  const bool by_norm = in.config.convention == Convention::kSaeLens;
  const at::Tensor penalty = MeanOfRowSums(by_norm ? features * DecoderNorms(in) : features);
  out.loss = MeanSquaredError(in.target, out.reconstruction) + in.sparsity_coefficient * penalty;
  return out;
}

}  // namespace

Architecture ReluArchitecture() {
  return {
      "relu", {Convention::kDictionaryLearning, Convention::kSaeLens}, nullptr, nullptr, &ReluLoss, &MakePenaltyEngine};
}

}  // namespace seedbed
