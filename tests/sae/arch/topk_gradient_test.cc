// The gradients of the plain implementation against autograd on the definition in sae/arch/topk.h, in float64.
#include <algorithm>
#include <string>

#include "ATen/TensorOperators.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/topk.h"
#include "ATen/ops/where.h"
#include "ATen/ops/zeros.h"
#include "gtest/gtest.h"
#include "sae/arch/topk_aten.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

constexpr int64_t kD = 7;
constexpr int64_t kLatents = 19;
constexpr int64_t kK = 4;
constexpr int64_t kRows = 23;
constexpr double kAlpha = 0.25;

TopkTensors MakeParameters(bool requires_grad) {
  auto random = at::detail::createCPUGenerator(5);
  const auto draw = [&](at::IntArrayRef shape) {
    return at::randn(shape, random, at::kDouble).set_requires_grad(requires_grad);
  };
  TopkTensors parameters;
  parameters.encoder_weight = draw({kLatents, kD});
  parameters.encoder_bias = draw({kLatents});
  parameters.decoder_weight = draw({kLatents, kD});
  parameters.decoder_bias = draw({kD});
  return parameters;
}

// Sums chosen rows of the decoder, as one would write the definition down.
at::Tensor Decode(const at::Tensor& activations, int64_t k, const at::Tensor& decoder) {
  const auto [values, indices] = at::topk(activations, k, 1);
  at::Tensor sum = at::zeros({activations.size(0), decoder.size(1)}, at::kDouble);
  for (int64_t j = 0; j < k; ++j) {
    sum = sum + values.select(1, j).unsqueeze(1) * decoder.index_select(0, indices.select(1, j));
  }
  return sum;
}

struct Defined {
  at::Tensor fvu;
  at::Tensor auxiliary;
};

Defined Definition(const TopkTensors& p, const at::Tensor& x, const at::Tensor& dead) {
  const at::Tensor activations = at::relu(at::mm(x - p.decoder_bias, p.encoder_weight.t()) + p.encoder_bias);
  const at::Tensor variance = (x - x.mean(0)).pow(2).sum();
  const at::Tensor e = x - (Decode(activations, kK, p.decoder_weight) + p.decoder_bias);
  Defined out{e.pow(2).sum() / variance, at::zeros({}, at::kDouble)};
  const int64_t count = dead.sum().item<int64_t>();
  if (count == 0) return out;
  const at::Tensor candidates = at::where(dead, activations.detach(), -1.0);
  const at::Tensor e_hat = Decode(candidates, std::min(kD / 2, count), p.decoder_weight);
  const double scale = std::min(static_cast<double>(count) / static_cast<double>(kD / 2), 1.0);
  out.auxiliary = scale * (e_hat - e.detach()).pow(2).sum() / variance;
  return out;
}

class TopkGradient : public testing::TestWithParam<int64_t> {};  // Of how many dead latents.

TEST_P(TopkGradient, EqualsAutograd) {
  const at::Tensor x = MakeBatch(kRows, kD, 1).to(at::kDouble);
  at::Tensor dead = at::zeros({kLatents}, at::kBool);
  dead.narrow(0, 3, GetParam()).fill_(true);

  const TopkTensors leaves = MakeParameters(true);
  const Defined expected = Definition(leaves, x, dead);
  (expected.fvu + kAlpha * expected.auxiliary).backward();
  const TopkLoss loss = ComputeTopkLoss(MakeParameters(false), x, kK, dead, kAlpha);

  const double tolerance = 1e-12;
  EXPECT_NEAR((loss.squared_error / loss.total_variance).item<double>(), expected.fvu.item<double>(), tolerance);
  EXPECT_NEAR(loss.auxiliary.item<double>(), expected.auxiliary.item<double>(), tolerance);
  EXPECT_EQ(GetParam() > 0, loss.auxiliary.item<double>() > 0);
  EXPECT_LE(RelativeDifference(loss.gradients.encoder_weight, leaves.encoder_weight.grad()), tolerance);
  EXPECT_LE(RelativeDifference(loss.gradients.encoder_bias, leaves.encoder_bias.grad()), tolerance);
  EXPECT_LE(RelativeDifference(loss.gradients.decoder_weight, leaves.decoder_weight.grad()), tolerance);
  EXPECT_LE(RelativeDifference(loss.gradients.decoder_bias, leaves.decoder_bias.grad()), tolerance);
}

// None; fewer than d / 2, where the loss is scaled down; as many; more, where some are left out.
INSTANTIATE_TEST_SUITE_P(Dead, TopkGradient, testing::Values(0, 2, 3, 9));

TEST(TopkLoss, AmongEqualActivationsTheLowerLatentIsKept) {
  TopkTensors parameters = MakeParameters(false);
  parameters.encoder_weight.zero_();
  parameters.encoder_bias.fill_(1);
  const TopkLoss loss = ComputeTopkLoss(parameters, MakeBatch(kRows, kD, 1).to(at::kDouble), kK, at::Tensor(), 0);
  for (int64_t i = 0; i < kLatents; ++i) EXPECT_EQ(loss.kept[i].item<bool>(), i < kK) << i;
}

}  // namespace
}  // namespace seedbed
