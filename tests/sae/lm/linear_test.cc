#include "sae/lm/linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <tuple>

namespace seedbed {
namespace {

// Odd sizes too: blocked layouts pad them.
TEST(Linear, IsTheProductWithTheTransposedWeight) {
  for (const auto& [rows, in, out] : {std::tuple{1, 1, 1}, {7, 5, 3}, {256, 48, 33}, {300, 576, 960}}) {
    const at::Tensor x = at::randn({rows, in});
    const at::Tensor weight = at::randn({out, in});
    const at::Tensor expected = at::mm(x.to(at::kDouble), weight.t().to(at::kDouble)).to(at::kFloat);
    const at::Tensor found = Linear(weight)(x);
    ASSERT_EQ(found.sizes(), expected.sizes());
    const float error = ((found - expected).norm() / expected.norm()).item<float>();
    EXPECT_LT(error, 1e-6) << rows << " " << in << " " << out;
  }
}

TEST(Linear, GivesTheSameBytesAgain) {
  const at::Tensor x = at::randn({512, 576});
  const Linear linear(at::randn({960, 576}));
  const at::Tensor first = linear(x);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(at::equal(linear(x), first));
}

}  // namespace
}  // namespace seedbed
