// BatchTopK (Bussmann et al. 2024): f are the k B largest relu(W_enc c + b_enc) of the whole batch.
//   loss = mean_B sum e^2 + alpha aux
// In SAELens they are ranked by relu(pre) |W_dec[i]|, as in topk. After training f is what exceeds a threshold, a
// moving average of the smallest activation kept.
#include "ATen/TensorOperators.h"
#include "ATen/ops/relu.h"
#include "sae/arch/architectures.h"
#include "sae/arch/auxiliary_loss.h"
#include "sae/arch/cpu/topk_engine.h"
#include "sae/arch/cuda/topk_engine.h"
#include "sae/arch/loss_terms.h"

namespace seedbed {
namespace {

SaeLoss BatchtopkLoss(const LossInput& in) {
  const at::Tensor pre = EncoderProduct(in) + in.parameters.encoder_bias;
  const at::Tensor activations = at::relu(pre);
  const bool ranks_by_norm = in.config.convention == Convention::kSaeLens;
  const at::Tensor features = activations * LargestOfAll(ranks_by_norm ? activations * DecoderNorms(in) : activations,
                                                         in.config.k * in.input.size(0));
  SaeLoss out;
  out.reconstruction = Decode(in, features);
  out.activations = features.detach();
  if (ranks_by_norm) out.ranks = out.activations * DecoderNorms(in).detach();
  out.fired = FiredLatents(out.activations);
  out.loss = MeanSquaredError(in.target, out.reconstruction);
  out.auxiliary = AuxiliaryLoss(in, pre, out.reconstruction, out.fired);
  if (out.auxiliary.defined()) out.loss = out.loss + in.config.auxiliary_alpha * out.auxiliary;
  return out;
}

}  // namespace

Architecture BatchtopkArchitecture() {
  return {"batchtopk",
          {Convention::kDictionaryLearning, Convention::kSaeLens},
          nullptr,
          nullptr,
          &BatchtopkLoss,
          &MakeTopkEngine,
          &MakeCudaTopkEngine};
}

}  // namespace seedbed
