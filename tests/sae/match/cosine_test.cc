#include "sae/match/cosine.h"

#include <cmath>
#include <limits>
#include <vector>

#include "ATen/ops/equal.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "ATen/ops/zeros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/match/rows.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const at::Tensor& a, const at::Tensor& b, MatchOptions options = {}) {
  return std::string(MatchRows(a, b, options).status().message());
}

TEST(MatchRowsTest, RefusesWhatCanNotBeMatched) {
  const at::Tensor rows = RandomRows(3, 4, 1);
  EXPECT_THAT(ErrorOf(rows, RandomRows(3, 5, 1)), HasSubstr("[3, 4] to rows of shape [3, 5]"));
  EXPECT_THAT(ErrorOf(rows, RandomRows(0, 4, 1)), HasSubstr("[0, 4]"));
  EXPECT_THAT(ErrorOf(rows, rows.reshape({12})), HasSubstr("[12]"));
  EXPECT_EQ(MatchRows(rows, RandomRows(3, 5, 1)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MatchRowsTest, NamesTheRowThatIsNotFinite) {
  const at::Tensor rows = RandomRows(3, 4, 1);
  at::Tensor damaged = RandomRows(3, 4, 2);
  damaged[2][1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(ErrorOf(rows, damaged), HasSubstr("row 2 of the second side"));
  damaged[2][1] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(ErrorOf(damaged, rows), HasSubstr("row 2 of the first side"));
}

TEST(MatchRowsTest, RefusesAMatrixOverTheLimit) {
  MatchOptions options;
  options.max_matrix_bytes = 95;
  const at::Tensor three = RandomRows(3, 4, 1);
  const at::Tensor four = RandomRows(4, 4, 2);
  EXPECT_EQ(MatchRows(three, four, options).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(ErrorOf(three, four, options), HasSubstr("matching 3 to 4 rows"));
  options.max_matrix_bytes = 96;
  EXPECT_TRUE(MatchRows(three, four, options).ok());
}

TEST(UnitRowsTest, ZeroRowsStayZero) {
  at::Tensor rows = RandomRows(3, 4, 1);
  rows[1].zero_();
  const at::Tensor unit = UnitRows(rows);
  EXPECT_EQ(unit.scalar_type(), at::kDouble);
  EXPECT_TRUE(at::equal(unit[1], at::zeros({4}, at::kDouble)));
  EXPECT_NEAR(at::linalg_vector_norm(unit[0]).item<double>(), 1, 1e-15);
  EXPECT_NEAR(at::linalg_vector_norm(unit[2]).item<double>(), 1, 1e-15);
}

TEST(UnitRowsTest, TheSmallestFloatsAreNotZero) {
  const float least = std::numeric_limits<float>::denorm_min();
  const at::Tensor unit = UnitRows(TensorOf<float>({least, 0, 0, -least}, 2, 2));
  EXPECT_EQ(unit[0][0].item<double>(), 1);
  EXPECT_EQ(unit[1][1].item<double>(), -1);
}

TEST(MatchRowsTest, MatchesByDirectionAndNotByLength) {
  const at::Tensor a = TensorOf<float>({1, 0, 0, 1}, 2, 2);
  const at::Tensor b = TensorOf<float>({0, 100, 0.001f, 0}, 2, 2);
  const auto matching = MatchRows(a, b);
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_THAT(matching->counterpart, ElementsAre(1, 0));
  EXPECT_THAT(matching->cosine, ElementsAre(1, 1));
  EXPECT_EQ(matching->mean_cosine, 1);
  EXPECT_TRUE(matching->certified);
}

// Row 0 would rather have b's row 0, which row 1 needs more.
TEST(MatchRowsTest, TheSumDecidesAndNotTheNearest) {
  const double angle_a1 = 0.3, angle_b1 = -0.5;
  const at::Tensor a = TensorOf<double>({1, 0, std::cos(angle_a1), std::sin(angle_a1)}, 2, 2);
  const at::Tensor b = TensorOf<double>({std::cos(0.1), std::sin(0.1), std::cos(angle_b1), std::sin(angle_b1)}, 2, 2);
  const auto matching = MatchRows(a, b);
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_THAT(matching->counterpart, ElementsAre(1, 0));
  EXPECT_NEAR(matching->mean_cosine, (std::cos(0.5) + std::cos(0.2)) / 2, 1e-15);
  EXPECT_NEAR(matching->largest_a[0], std::cos(0.1), 1e-15);
  EXPECT_NEAR(matching->largest_a[1], std::cos(0.2), 1e-15);
  EXPECT_NEAR(matching->largest_b[0], std::cos(0.1), 1e-15);
  EXPECT_NEAR(matching->largest_b[1], std::cos(0.5), 1e-15);
}

TEST(MatchRowsTest, TheLargerSideKeepsRowsWithoutACounterpart) {
  const at::Tensor a = TensorOf<float>({1, 0, 0, 1, -1, 0}, 3, 2);
  const at::Tensor b = TensorOf<float>({0, 1, 1, 0}, 2, 2);
  const auto matching = MatchRows(a, b);
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_THAT(matching->counterpart, ElementsAre(1, 0, -1));
  EXPECT_THAT(matching->cosine, ElementsAre(1, 1, 0));
  EXPECT_EQ(matching->mean_cosine, 1);
  EXPECT_THAT(matching->largest_a, ElementsAre(1, 1, 0));
}

TEST(MatchRowsTest, AllZeroRowsMatchAtCosineZero) {
  const auto matching = MatchRows(at::zeros({4, 3}), at::zeros({4, 3}));
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_EQ(matching->mean_cosine, 0);
  EXPECT_TRUE(matching->certified);
  EXPECT_THAT(matching->cosine, ElementsAre(0, 0, 0, 0));
}

TEST(MatchRowsTest, CertifiesRandomRowsOfManyShapes) {
  for (const int64_t n : {1, 2, 33, 120}) {
    for (const int64_t m : {1, 2, 33, 120}) {
      const auto matching = MatchRows(RandomRows(n, 8, 10 + n), RandomRows(m, 8, 20 + m));
      ASSERT_TRUE(matching.ok()) << matching.status();
      EXPECT_TRUE(matching->certified) << n << "x" << m;
      EXPECT_GE(matching->upper_bound, matching->mean_cosine);
    }
  }
}

}  // namespace
}  // namespace seedbed
