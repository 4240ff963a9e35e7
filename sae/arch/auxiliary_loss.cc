#include "sae/arch/auxiliary_loss.h"

#include <algorithm>
#include <limits>

#include "ATen/TensorOperators.h"
#include "ATen/ops/nan_to_num.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/where.h"
#include "ATen/ops/zeros.h"
#include "sae/arch/loss_terms.h"

namespace seedbed {
namespace {

at::Tensor DeadLatents(const LossInput& in, const at::Tensor& fired) {
  if (in.config.convention != Convention::kDictionaryLearning) {
    return in.rows_since_active > in.config.dead_after_tokens;
  }
  const at::Tensor after = at::where(fired, 0, in.rows_since_active + in.input.size(0));
  return after >= in.config.dead_after_tokens;
}

// What the dead latents are ranked by and what they contribute, [B, n].
at::Tensor Candidates(const LossInput& in, const at::Tensor& pre) {
  switch (in.config.convention) {
    case Convention::kSparsify:
      return at::relu(pre.detach());
    case Convention::kSaeLens:
      return pre;
    case Convention::kDictionaryLearning:
      break;
  }
  return at::relu(pre);
}

at::Tensor Normalized(const LossInput& in, const at::Tensor& difference, const at::Tensor& error) {
  switch (in.config.convention) {
    case Convention::kSparsify:
      return difference.square().sum() / in.total_variance;
    case Convention::kSaeLens:
      return MeanOfRowSums(difference.square());
    case Convention::kDictionaryLearning:
      break;
  }
  const at::Tensor variance = MeanOfRowSums((error - error.mean(0)).square());
  return at::nan_to_num(MeanOfRowSums(difference.square()) / variance, 0.0);
}

}  // namespace

at::Tensor AuxiliaryLoss(const LossInput& in, const at::Tensor& pre, const at::Tensor& reconstruction,
                         const at::Tensor& fired) {
  if (in.config.auxiliary_alpha == 0) return {};
  const at::Tensor dead = DeadLatents(in, fired);
  const int64_t dead_count = dead.sum().item<int64_t>();
  if (dead_count == 0) return at::zeros({}, in.input.options());
  const int64_t width = in.config.auxiliary_width();
  const at::Tensor candidates = Candidates(in, pre);
  const bool ranks_by_norm = in.config.convention == Convention::kSaeLens;
  const at::Tensor ranks = (ranks_by_norm ? candidates * DecoderNorms(in) : candidates).detach();
  const at::Tensor kept =
      LargestOfRows(at::where(dead, ranks, -std::numeric_limits<double>::infinity()), std::min(width, dead_count));
  const at::Tensor error = (in.target - reconstruction).detach();
  const at::Tensor chosen = at::where(kept, candidates, at::zeros({}, candidates.options()));
  const at::Tensor estimate = Product(chosen, in.parameters.decoder_weight, in.config.compute);
  const at::Tensor loss = Normalized(in, estimate - error, error);
  if (in.config.convention == Convention::kDictionaryLearning) return loss;
  return loss * std::min(static_cast<double>(dead_count) / static_cast<double>(width), 1.0);
}

}  // namespace seedbed
