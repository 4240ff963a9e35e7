// What each kind of CPU makes of an Adam update, against the formula in float64.
#include "sae/arch/kernels/adam_row.h"

#include <cmath>
#include <vector>

#include "common/random.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

class AdamRowVariants : public testing::TestWithParam<AdamRowFunction> {};

TEST_P(AdamRowVariants, IsTheFormulaUpToRoundingForEveryWidth) {
  if (GetParam() == &AdamRowAvx512 && BestAdamRow() != &AdamRowAvx512) GTEST_SKIP() << "this CPU has no AVX-512";
  const AdamUpdate u = AdamUpdateAt(OptimizerOptions(), 3, 0.01);
  SplitMix64 random(1);
  for (const size_t width : {1, 15, 16, 17, 48, 576, 580}) {
    std::vector<float> gradient(width), parameter(width), moment1(width), moment2(width);
    for (auto* values : {&gradient, &parameter, &moment1, &moment2}) {
      for (float& value : *values) value = static_cast<float>(random.Uniform() - 0.5);
    }
    for (float& value : moment2) value = std::abs(value);
    const std::vector<float> p = parameter, m = moment1, v = moment2;
    GetParam()(u, gradient.data(), static_cast<int64_t>(width), parameter.data(), moment1.data(), moment2.data());
    for (size_t q = 0; q < width; ++q) {
      const double g = gradient[q];
      const double first = u.beta1 * static_cast<double>(m[q]) + u.one_minus_beta1 * g;
      const double second = u.beta2 * static_cast<double>(v[q]) + u.one_minus_beta2 * g * g;
      EXPECT_NEAR(moment1[q], first, 1e-7);
      EXPECT_NEAR(moment2[q], second, 1e-7);
      EXPECT_NEAR(parameter[q], p[q] - u.step_size * first / (std::sqrt(second) + u.epsilon), 1e-7);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpus, AdamRowVariants, testing::Values(&AdamRowAvx2, &AdamRowAvx512),
                         [](const auto& info) { return info.param == &AdamRowAvx2 ? "Avx2" : "Avx512"; });

}  // namespace
}  // namespace seedbed
