// TopK (Gao et al. 2024, "Scaling and evaluating sparse autoencoders"). With pre = W_enc c + b_enc:
//   f     = the k largest relu(pre) of each row, 0 elsewhere; among equal ones the lower latent wins
//   x_hat = f W_dec + b_dec (+ W_skip x)
//   sparsify             loss = sum e^2 / total variance + alpha aux (+ FVU_4k / 8)
//   dictionary_learning  loss = mean_B sum e^2 + alpha aux
//   SAELens              loss = mean_B sum e^2 + alpha aux, and f are the k largest by relu(pre) |W_dec[i]|: it treats
//                        its decoder as if it had unit rows, whose norms then cancel in f W_dec
// FVU_4k is the FVU of the 4 k largest, without W_skip and without gradient to the encoder, as sparsify computes it;
// with it those 4 k have fired.
//
// One difference to sparsify: a latent kept with activation 0 gets no gradient here, as by the derivative of relu;
// there it gets one. Rows with at least k positive pre-activations, so nearly all, have no such latent.
#include <algorithm>

#include "ATen/TensorOperators.h"
#include "ATen/ops/relu.h"
#include "absl/strings/str_cat.h"
#include "sae/arch/architectures.h"
#include "sae/arch/auxiliary_loss.h"
#include "sae/arch/cpu/topk_engine.h"
#include "sae/arch/cuda/topk_engine.h"
#include "sae/arch/loss_terms.h"

namespace seedbed {
namespace {

// FVU of the 4 k largest, `kept`, from which W_dec and b_dec alone learn.
at::Tensor MultiTopkFvu(const LossInput& in, const at::Tensor& activations, const at::Tensor& kept) {
  const at::Tensor sum = Product(activations.detach() * kept, in.parameters.decoder_weight, in.config.compute);
  return (sum + in.parameters.decoder_bias - in.target).square().sum() / in.total_variance;
}

SaeLoss TopkLoss(const LossInput& in) {
  const at::Tensor pre = EncoderProduct(in) + in.parameters.encoder_bias;
  const at::Tensor activations = at::relu(pre);
  const bool ranks_by_norm = in.config.convention == Convention::kSaeLens;
  const at::Tensor kept = LargestOfRows(ranks_by_norm ? activations * DecoderNorms(in) : activations, in.config.k);
  const at::Tensor features = activations * kept;

  SaeLoss out;
  out.reconstruction = Decode(in, features);
  out.activations = features.detach();
  out.fired = ranks_by_norm ? FiredLatents(out.activations) : kept.any(0);
  const bool by_variance = in.config.convention == Convention::kSparsify;
  out.loss = by_variance ? (in.target - out.reconstruction).square().sum() / in.total_variance
                         : MeanSquaredError(in.target, out.reconstruction);
  out.auxiliary = AuxiliaryLoss(in, pre, out.reconstruction, out.fired);
  if (out.auxiliary.defined()) out.loss = out.loss + in.config.auxiliary_alpha * out.auxiliary;
  if (in.config.multi_topk) {
    const at::Tensor more = LargestOfRows(activations, std::min(4 * in.config.k, in.config.latents));
    out.loss = out.loss + MultiTopkFvu(in, activations, more) / 8;
    out.fired = more.any(0);
  }
  return out;
}

absl::Status CheckTopk(const SaeConfig& config) {
  if (!config.multi_topk || config.convention == Convention::kSparsify) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("multi_topk is true, allowed with the convention sparsify alone, not ", NameOf(config.convention)));
}

}  // namespace

Architecture TopkArchitecture() {
  return {"topk",
          {Convention::kSparsify, Convention::kSaeLens, Convention::kDictionaryLearning},
          &CheckTopk,
          nullptr,
          &TopkLoss,
          &MakeTopkEngine,
          &MakeCudaTopkEngine};
}

}  // namespace seedbed
