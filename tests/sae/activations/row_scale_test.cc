#include "sae/activations/row_scale.h"

#include "ATen/ops/full.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

TEST(RowScaleTest, MakesTheMeanSquaredNormTheWidth) {
  RowScale scale(2);
  scale.Add(at::tensor({3.0f, 4.0f, 0.0f, 1.0f}).view({2, 2}));  // Squared norms 25 and 1.
  ASSERT_TRUE(scale.complete());
  EXPECT_FLOAT_EQ(*scale.Get(), std::sqrt(2.0f / 13.0f));
}

TEST(RowScaleTest, TakesTheFirstRowsHoweverTheyCome) {
  const at::Tensor rows = at::tensor({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f}).view({4, 2});
  RowScale at_once(3);
  at_once.Add(rows);
  RowScale piecewise(3);
  piecewise.Add(rows.narrow(0, 0, 1));
  EXPECT_FALSE(piecewise.complete());
  piecewise.Add(rows.narrow(0, 1, 0));
  piecewise.Add(rows.narrow(0, 1, 3));
  EXPECT_TRUE(piecewise.complete());
  EXPECT_EQ(*piecewise.Get(), *at_once.Get());
}

TEST(RowScaleTest, ReadsSixteenBitRows) {
  const at::Tensor rows = at::tensor({1.0f, 2.0f, 3.0f, 4.0f}).view({2, 2});
  RowScale wide(2), narrow(2);
  wide.Add(rows);
  narrow.Add(rows.to(at::kBFloat16));
  EXPECT_EQ(*wide.Get(), *narrow.Get());
}

TEST(RowScaleTest, RefusesRowsThatHaveNoScale) {
  for (const float value : {0.0f, std::numeric_limits<float>::infinity(), std::nanf("")}) {
    RowScale scale(1);
    scale.Add(at::full({1, 3}, value));
    const auto got = scale.Get();
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("the first 1 rows have a mean squared norm of"));
  }
}

}  // namespace
}  // namespace seedbed
