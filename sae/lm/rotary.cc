#include "sae/lm/rotary.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/where.h>

#include "sae/lm/row_kernels.h"

namespace seedbed {
namespace {

constexpr double kTwoPi = 6.283185307179586;

// Llama 3.1: wavelengths above original / low are stretched by the factor, those below original / high are not.
at::Tensor ScaleAsLlama3(const RotaryConfig& config, const at::Tensor& frequencies) {
  const double original = config.original_context_length;
  const double low = config.low_frequency_factor;
  const double high = config.high_frequency_factor;
  const at::Tensor wavelengths = kTwoPi / frequencies;
  const at::Tensor is_long = wavelengths > original / low;
  const at::Tensor stretched = at::where(is_long, frequencies / config.factor, frequencies);
  const at::Tensor smooth = (original / wavelengths - low) / (high - low);
  const at::Tensor between = (1 - smooth) * stretched / config.factor + smooth * stretched;
  return at::where((wavelengths >= original / high).logical_and_(is_long.logical_not()), between, stretched);
}

at::Tensor Frequencies(const RotaryConfig& config) {
  const at::Tensor exponents = at::arange(0, config.dimensions, 2, at::kFloat).div_(config.dimensions);
  const at::Tensor frequencies = at::pow(config.theta, exponents).reciprocal_();
  switch (config.scaling) {
    case RotaryScaling::kLinear:
      return frequencies / config.factor;
    case RotaryScaling::kLlama3:
      return ScaleAsLlama3(config, frequencies);
    default:
      return frequencies;
  }
}

// heads: as TurnPairs takes them, float32 on the CPU.
void TurnFloats(const at::Tensor& turns, const at::Tensor& heads) {
  constexpr int64_t kRowsOfAPiece = 16;
  const int64_t sequence = heads.size(1);
  const int64_t pairs = turns.size(-1);
  const float* turn = at::view_as_real(turns).const_data_ptr<float>();
  float* values = heads.data_ptr<float>();
  at::parallel_for(0, heads.size(0) * sequence, kRowsOfAPiece, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      TurnHeads(turn + row % sequence * 2 * pairs, pairs, heads.size(2), heads.size(3), values + row * heads.stride(1));
    }
  });
}

}  // namespace

at::Tensor RotaryTurns(const RotaryConfig& config, int64_t sequence, at::Device device) {
  const at::Tensor angles = at::outer(at::arange(sequence, at::kFloat), Frequencies(config));
  return at::polar(at::ones_like(angles), angles).unsqueeze(1).to(device);
}

void PairRotaryRows(const at::Tensor& matrix, int64_t d_head, int64_t dimensions) {
  const int64_t heads = matrix.size(0) / d_head;
  const at::Tensor turned = matrix.view({heads, d_head, -1}).narrow(1, 0, dimensions);
  const at::Tensor halves = turned.clone().view({heads, 2, dimensions / 2, -1});
  turned.view({heads, dimensions / 2, 2, -1}).copy_(halves.transpose(1, 2));
}

void TurnPairs(const at::Tensor& turns, const at::Tensor& heads) {
  const int64_t pairs = turns.size(-1);
  if (heads.is_cpu() && heads.scalar_type() == at::kFloat) {
    TurnFloats(turns, heads);
    return;
  }
  const at::Tensor turned =
      heads.narrow(-1, 0, 2 * pairs).view({heads.size(0), heads.size(1), heads.size(2), pairs, 2});
  turned.copy_(at::view_as_real(at::view_as_complex(turned.to(at::kFloat)).mul_(turns)));
}

}  // namespace seedbed
