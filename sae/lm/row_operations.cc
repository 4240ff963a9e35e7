#include "sae/lm/row_operations.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>

namespace seedbed {
namespace {

at::Tensor Normalized(NormKind kind, double epsilon, const at::Tensor& x) {
  const at::Tensor centred = kind == NormKind::kLayer ? x - x.mean(-1, /*keepdim=*/true) : x;
  return centred * centred.square().mean(-1, /*keepdim=*/true).add_(epsilon).rsqrt_();
}

}  // namespace

void Normalize(NormKind kind, double epsilon, const NormWeights& weights, const at::Tensor& x, const at::Tensor& out) {
  at::Tensor normalized = Normalized(kind, epsilon, x.to(at::kFloat));
  if (weights.weight.defined()) normalized.mul_(weights.weight);
  if (weights.bias.defined()) normalized.add_(weights.bias);
  out.copy_(normalized);
}

at::Tensor ScaleAndShift(const NormWeights& weights, const at::Tensor& x) {
  at::Tensor shifted = x.to(at::kFloat);
  if (weights.weight.defined()) shifted = shifted * weights.weight;
  if (weights.bias.defined()) shifted = shifted + weights.bias;
  return shifted.to(x.scalar_type());
}

void Activate(Activation activation, const at::Tensor& x) {
  at::Tensor out = x;
  switch (activation) {
    case Activation::kSilu:
      at::silu_out(out, x);
      return;
    case Activation::kGelu:
      at::gelu_out(out, x);
      return;
    case Activation::kGeluTanh:
      at::gelu_out(out, x, "tanh");
      return;
  }
}

void ActivateGated(Activation activation, const at::Tensor& gate_up, const at::Tensor& out) {
  const int64_t columns = out.size(1);
  out.copy_(gate_up.narrow(1, 0, columns));
  Activate(activation, out);
  out.mul_(gate_up.narrow(1, columns, columns));
}

void SoftCap(double cap, const at::Tensor& x) {
  if (cap > 0) x.div_(cap).tanh_().mul_(cap);
}

}  // namespace seedbed
