// Gated (Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders"). With y = W_enc c:
//   pi = y + b_gate,  f = [pi > 0] relu(exp(r_mag) y + b_mag),  g = relu(pi)
//   loss = mean_B sum e^2 + coefficient mean_B sum g_i + mean_B sum (target - (g W_dec + b_dec))^2
// In the last term W_dec and b_dec are taken as given in dictionary_learning and learn from it in SAELens, where the
// penalty is on g_i |W_dec[i]|. A skip connection is part of both reconstructions.
#include "ATen/TensorOperators.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/zeros.h"
#include "sae/arch/architectures.h"
#include "sae/arch/cpu/penalty_engine.h"
#include "sae/arch/loss_terms.h"

namespace seedbed {
namespace {

// What the gates alone reconstruct.
at::Tensor DecodeGates(const LossInput& in, const at::Tensor& gates) {
  if (in.config.convention == Convention::kSaeLens) return Decode(in, gates);
  SaeTensors fixed = in.parameters;
  fixed.decoder_weight = fixed.decoder_weight.detach();
  fixed.decoder_bias = fixed.decoder_bias.detach();
  if (fixed.skip_weight.defined()) fixed.skip_weight = fixed.skip_weight.detach();
  return Decode(
      {in.config, fixed, in.input, in.target, in.total_variance, in.rows_since_active, in.sparsity_coefficient}, gates);
}

SaeLoss GatedLoss(const LossInput& in) {
  const SaeTensors& p = in.parameters;
  const at::Tensor product = EncoderProduct(in);
  const at::Tensor gate = product + p.gate_bias;
  const at::Tensor gates = at::relu(gate);
  const at::Tensor features = (gate > 0) * at::relu(p.log_magnitude.exp() * product + p.magnitude_bias);
  SaeLoss out;
  out.reconstruction = Decode(in, features);
  out.activations = features.detach();
  out.fired = FiredLatents(out.activations);
  const bool by_norm = in.config.convention == Convention::kSaeLens;
  const at::Tensor penalty = MeanOfRowSums(by_norm ? gates * DecoderNorms(in) : gates);
  out.loss = MeanSquaredError(in.target, out.reconstruction) + in.sparsity_coefficient * penalty +
             MeanSquaredError(in.target, DecodeGates(in, gates));
  return out;
}

void AddGatedTensors(const SaeConfig& config, SaeTensors* tensors) {
  tensors->encoder_bias.reset();
  tensors->gate_bias = at::zeros({config.latents});
  tensors->magnitude_bias = at::zeros({config.latents});
  tensors->log_magnitude = at::zeros({config.latents});
}

}  // namespace

Architecture GatedArchitecture() {
  return {"gated",    {Convention::kDictionaryLearning, Convention::kSaeLens},
          nullptr,    &AddGatedTensors,
          &GatedLoss, &MakePenaltyEngine};
}

}  // namespace seedbed
