#include "sae/lm/row_operations.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/silu.h>
#include <gtest/gtest.h>

#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

// Widths that are and are not multiples of a vector's.
constexpr int64_t kWidths[] = {1, 7, 16, 33, 576};

at::Tensor Activated(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kGelu:
      return at::gelu(x);
    default:
      return at::gelu(x, "tanh");
  }
}

constexpr Activation kActivations[] = {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh};

TEST(Normalize, EqualsItsDefinition) {
  for (const NormKind kind : {NormKind::kRms, NormKind::kLayer}) {
    for (const int64_t width : kWidths) {
      if (kind == NormKind::kLayer && width == 1) continue;  // Without variance; rounding alone is left.
      const at::Tensor x = at::randn({37, width}) * 3 + 1;
      const at::Tensor wide = x.to(at::kDouble);
      const at::Tensor centred = kind == NormKind::kLayer ? wide - wide.mean(1, true) : wide;
      const at::Tensor expected = centred / (centred.square().mean(1, true) + 1e-5).sqrt();
      const at::Tensor out = at::empty_like(x);
      Normalize(kind, 1e-5, NormWeights(), x, out);
      EXPECT_LT(RelativeError(out, expected), 1e-6) << width;

      const NormWeights weights = {at::rand({width}), at::rand({width})};
      Normalize(kind, 1e-5, weights, x, x);
      EXPECT_LT(RelativeError(x, expected * weights.weight + weights.bias), 1e-6) << width;
    }
  }
}

TEST(ActivateGated, EqualsItsDefinition) {
  for (const Activation activation : kActivations) {
    for (const int64_t width : kWidths) {
      const at::Tensor gate_up = at::randn({37, 2 * width}) * 4;
      const at::Tensor wide = gate_up.to(at::kDouble);
      const at::Tensor expected = Activated(activation, wide.narrow(1, 0, width)) * wide.narrow(1, width, width);
      const at::Tensor out = at::empty({37, width});
      ActivateGated(activation, gate_up, out);
      EXPECT_LT(RelativeError(out, expected), 1e-6) << width;
    }
  }
}

// Element by element, where the exponential overflows and vanishes too.
TEST(ActivateGated, IsPreciseFarFromZero) {
  const at::Tensor gate = at::linspace(-200, 200, 4001);
  for (const Activation activation : kActivations) {
    const at::Tensor expected = Activated(activation, gate.to(at::kDouble));
    const at::Tensor out = at::empty({1, 4001});
    ActivateGated(activation, at::cat({gate, at::ones({4001})}).unsqueeze(0), out);
    const at::Tensor error = (out[0] - expected).abs() / (expected.abs() + 1);
    EXPECT_LT(error.max().item<double>(), 1e-6);
  }
}

TEST(Activate, EqualsItsDefinition) {
  for (const Activation activation : kActivations) {
    const at::Tensor x = at::randn({37, 33}) * 4;
    const at::Tensor expected = Activated(activation, x.to(at::kDouble));
    Activate(activation, x);
    EXPECT_LT(RelativeError(x, expected), 1e-6);
  }
}

TEST(RowOperations, TakeBfloat16) {
  const at::Tensor x = at::randn({5, 16}).to(at::kBFloat16);
  const at::Tensor out = at::empty_like(x);
  Normalize(NormKind::kRms, 1e-5, NormWeights(), x, out);
  const at::Tensor wide = x.to(at::kFloat);
  EXPECT_LT(RelativeError(out, wide / wide.square().mean(1, true).sqrt()), 1e-2);
  const at::Tensor gated = at::empty({5, 8}, at::kBFloat16);
  ActivateGated(Activation::kSilu, x, gated);
  EXPECT_LT(RelativeError(gated, at::silu(wide.narrow(1, 0, 8)) * wide.narrow(1, 8, 8)), 1e-2);
}

TEST(SoftCap, BoundsAndLeavesAloneWithoutACap) {
  const at::Tensor x = at::randn({3, 4}) * 10;
  const at::Tensor capped = x.clone();
  SoftCap(2, capped);
  EXPECT_LT(RelativeError(capped, 2 * (x / 2).tanh()), 1e-6);
  const at::Tensor same = x.clone();
  SoftCap(0, same);
  EXPECT_TRUE(same.equal(x));
}

}  // namespace
}  // namespace seedbed
