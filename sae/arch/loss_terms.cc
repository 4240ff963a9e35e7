#include "sae/arch/loss_terms.h"

#include <tuple>

#include "ATen/TensorOperators.h"
#include "ATen/ops/cumsum.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/topk.h"

namespace seedbed {

at::Tensor Product(const at::Tensor& a, const at::Tensor& b, ComputeType compute) {
  if (compute != ComputeType::kBfloat16) return at::mm(a, b);
  return at::mm(a.to(at::kBFloat16), b.to(at::kBFloat16)).to(a.scalar_type());
}

at::Tensor EncoderInput(const LossInput& in) {
  return in.config.centers_input() ? in.input - in.parameters.decoder_bias : in.input;
}

at::Tensor EncoderProduct(const LossInput& in) {
  return Product(EncoderInput(in), in.parameters.encoder_weight.t(), in.config.compute);
}

at::Tensor Decode(const LossInput& in, const at::Tensor& activations) {
  const SaeTensors& p = in.parameters;
  const at::Tensor sum = Product(activations, p.decoder_weight, in.config.compute) + p.decoder_bias;
  return p.skip_weight.defined() ? sum + Product(in.input, p.skip_weight.t(), in.config.compute) : sum;
}

at::Tensor DecoderNorms(const LossInput& in) { return in.parameters.decoder_weight.norm(2, {1}); }

at::Tensor MeanSquaredError(const at::Tensor& target, const at::Tensor& reconstruction) {
  return MeanOfRowSums((target - reconstruction).square());
}

at::Tensor MeanOfRowSums(const at::Tensor& values) { return values.sum(1).mean(); }

at::Tensor LargestOfRows(const at::Tensor& values, int64_t k) {
  // torch.topk alone leaves ties open.
  const at::Tensor smallest_kept = std::get<0>(at::topk(values.detach(), k, /*dim=*/1)).narrow(1, k - 1, 1);
  const at::Tensor above = values.detach() > smallest_kept;
  const at::Tensor tied = values.detach() == smallest_kept;
  const at::Tensor left = k - above.sum(1, /*keepdim=*/true);
  return above | (tied & (at::cumsum(tied, 1) <= left));
}

at::Tensor LargestOfAll(const at::Tensor& values, int64_t count) {
  return LargestOfRows(values.reshape({1, -1}), count).reshape(values.sizes());
}

at::Tensor FiredLatents(const at::Tensor& activations) { return (activations != 0).any(0); }

}  // namespace seedbed
