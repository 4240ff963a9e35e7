// Matryoshka BatchTopK (Bussmann, Nabeshima et al. 2025): BatchTopK, but every prefix of G groups of latents is to
// reconstruct the target. With x_hat_g from the latents of groups 1..g alone:
//   dictionary_learning  loss = 1 / G^2 sum_g mean_B sum (target - x_hat_g)^2 + alpha aux: a mean over groups of
//                        losses that are weighted by 1 / G, as its trainer has it
//   SAELens              loss = sum_g mean_B sum (target - x_hat_g)^2 + alpha aux
#include <numeric>

#include "ATen/TensorOperators.h"
#include "ATen/ops/relu.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sae/arch/architectures.h"
#include "sae/arch/auxiliary_loss.h"
#include "sae/arch/cpu/topk_engine.h"
#include "sae/arch/cuda/topk_engine.h"
#include "sae/arch/loss_terms.h"

namespace seedbed {
namespace {

SaeLoss MatryoshkaLoss(const LossInput& in) {
  const SaeTensors& p = in.parameters;
  const at::Tensor pre = EncoderProduct(in) + p.encoder_bias;
  const at::Tensor activations = at::relu(pre);
  const bool ranks_by_norm = in.config.convention == Convention::kSaeLens;
  const at::Tensor features = activations * LargestOfAll(ranks_by_norm ? activations * DecoderNorms(in) : activations,
                                                         in.config.k * in.input.size(0));
  SaeLoss out;
  at::Tensor prefix = p.decoder_bias;
  if (p.skip_weight.defined()) prefix = prefix + Product(in.input, p.skip_weight.t(), in.config.compute);
  at::Tensor losses;
  int64_t first = 0;
  for (const int64_t size : in.config.group_sizes) {
    prefix =
        prefix + Product(features.narrow(1, first, size), p.decoder_weight.narrow(0, first, size), in.config.compute);
    const at::Tensor loss = MeanSquaredError(in.target, prefix);
    losses = losses.defined() ? losses + loss : loss;
    first += size;
  }
  const auto groups = static_cast<double>(in.config.group_sizes.size());
  out.reconstruction = prefix;
  out.activations = features.detach();
  if (ranks_by_norm) out.ranks = out.activations * DecoderNorms(in).detach();
  out.fired = FiredLatents(out.activations);
  out.loss = ranks_by_norm ? losses : losses / (groups * groups);
  out.auxiliary = AuxiliaryLoss(in, pre, out.reconstruction, out.fired);
  if (out.auxiliary.defined()) out.loss = out.loss + in.config.auxiliary_alpha * out.auxiliary;
  return out;
}

absl::Status CheckMatryoshka(const SaeConfig& config) {
  int64_t sum = 0;
  bool positive = !config.group_sizes.empty();
  for (const int64_t size : config.group_sizes) {
    positive = positive && size > 0 && size <= config.latents;
    sum += positive ? size : 0;
  }
  if (positive && sum == config.latents) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("group_sizes is [", absl::StrJoin(config.group_sizes, ", "),
                                                 "], allowed are numbers above 0 of sum ", config.latents));
}

}  // namespace

Architecture MatryoshkaArchitecture() {
  return {"matryoshka",       {Convention::kDictionaryLearning, Convention::kSaeLens},
          &CheckMatryoshka,   nullptr,
          &MatryoshkaLoss,    &MakeTopkEngine,
          &MakeCudaTopkEngine};
}

}  // namespace seedbed
