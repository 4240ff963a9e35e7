#include "sae/lm/row_operations.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>

#include <algorithm>

#include "sae/lm/row_kernels.h"

namespace seedbed {
namespace {

// What the kernels of row_kernels.h take.
bool IsDenseFloatOnCpu(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous(); }

// So many rows that a thread's share is worth waking it for.
int64_t RowsOfAPiece(int64_t columns) { return std::max<int64_t>(1, 16384 / columns); }

at::Tensor Normalized(NormKind kind, double epsilon, const at::Tensor& x) {
  const at::Tensor centred = kind == NormKind::kLayer ? x - x.mean(-1, /*keepdim=*/true) : x;
  return centred * centred.square().mean(-1, /*keepdim=*/true).add_(epsilon).rsqrt_();
}

}  // namespace

void Normalize(NormKind kind, double epsilon, const NormWeights& weights, const at::Tensor& x, const at::Tensor& out) {
  const bool plain = !weights.weight.defined() && !weights.bias.defined();
  if (kind == NormKind::kRms && plain && IsDenseFloatOnCpu(x) && IsDenseFloatOnCpu(out)) {
    const int64_t columns = x.size(-1);
    const float* from = x.const_data_ptr<float>();
    float* to = out.data_ptr<float>();
    at::parallel_for(0, x.numel() / columns, RowsOfAPiece(columns), [&](int64_t begin, int64_t end) {
      StandardizeRms(from + begin * columns, end - begin, columns, static_cast<float>(epsilon), to + begin * columns);
    });
    return;
  }
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
  if (activation != Activation::kGelu && IsDenseFloatOnCpu(gate_up) && IsDenseFloatOnCpu(out)) {
    const auto kernel = activation == Activation::kSilu ? &GateSilu : &GateGeluTanh;
    const float* from = gate_up.const_data_ptr<float>();
    float* to = out.data_ptr<float>();
    at::parallel_for(0, out.size(0), RowsOfAPiece(columns), [&](int64_t begin, int64_t end) {
      kernel(from + begin * 2 * columns, end - begin, columns, to + begin * columns);
    });
    return;
  }
  out.copy_(gate_up.narrow(1, 0, columns));
  Activate(activation, out);
  out.mul_(gate_up.narrow(1, columns, columns));
}

void SoftCap(double cap, const at::Tensor& x) {
  if (cap > 0) x.div_(cap).tanh_().mul_(cap);
}

}  // namespace seedbed
