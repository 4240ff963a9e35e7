#include "sae/match/cosine.h"

#include <limits>
#include <vector>

#include "ATen/ops/zeros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/match/rows.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const at::Tensor& a, const at::Tensor& b) {
  return std::string(MatchRows(a, b).status().message());
}

TEST(MatchRowsTest, RefusesWhatCanNotBeMatched) {
  const at::Tensor rows = RandomRows(3, 4, 1);
  EXPECT_THAT(ErrorOf(rows, RandomRows(3, 5, 1)), HasSubstr("[3, 4] to rows of shape [3, 5]"));
  EXPECT_THAT(ErrorOf(rows, RandomRows(0, 4, 1)), HasSubstr("[0, 4]"));
  EXPECT_THAT(ErrorOf(rows, rows.reshape({12})), HasSubstr("[12]"));
  EXPECT_EQ(MatchRows(rows, RandomRows(3, 5, 1)).status().code(), absl::StatusCode::kInvalidArgument);
  const at::Tensor wide = at::zeros({1, 65537});
  EXPECT_THAT(ErrorOf(wide, wide), HasSubstr("d in 1..65536"));
  EXPECT_THAT(ErrorOf(at::zeros({2, 0}), at::zeros({2, 0})), HasSubstr("[2, 0]"));
}

TEST(MatchRowsTest, NamesTheRowThatIsNotFinite) {
  const at::Tensor rows = RandomRows(3, 4, 1);
  at::Tensor damaged = RandomRows(3, 4, 2);
  damaged[2][1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(ErrorOf(rows, damaged), HasSubstr("row 2 of the second side"));
  damaged[2][1] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(ErrorOf(damaged, rows), HasSubstr("row 2 of the first side"));
}

TEST(MatchRowsTest, TheSmallestFloatsAreNotZero) {
  const float least = std::numeric_limits<float>::denorm_min();
  const auto matching = MatchRows(TensorOf<float>({least, 0, 0, -least}, 2, 2), TensorOf<float>({0, -1, 1, 0}, 2, 2));
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_THAT(matching->counterpart, ElementsAre(1, 0));
  EXPECT_THAT(matching->cosine, ElementsAre(1, 1));
  EXPECT_EQ(matching->zero_rows_a, 0);
}

TEST(MatchRowsTest, TheLargestFloatsDoNotOverflow) {
  const float most = std::numeric_limits<float>::max();
  const auto matching = MatchRows(TensorOf<float>({most, most}, 1, 2), TensorOf<float>({most, most}, 1, 2));
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_NEAR(matching->mean_cosine, 1, 1e-15);
}

TEST(MatchRowsTest, ReadsOtherFloatingTypesAndStrides) {
  const at::Tensor a = RandomRows(5, 8, 1);
  const at::Tensor b = RandomRows(5, 8, 2);
  const auto matching = MatchRows(a, b);
  const auto strided = MatchRows(a.t().contiguous().t(), b.to(at::kDouble));
  ASSERT_TRUE(matching.ok() && strided.ok());
  EXPECT_EQ(strided->counterpart, matching->counterpart);
  EXPECT_EQ(strided->mean_cosine, matching->mean_cosine);
}

TEST(MatchRowsTest, TellsTheTime) {
  double now = 5;
  MatchOptions options;
  EXPECT_EQ(MatchRows(RandomRows(2, 4, 1), RandomRows(2, 4, 2), options)->seconds, 0);
  options.seconds = [&now] { return now *= 2; };
  EXPECT_EQ(MatchRows(RandomRows(2, 4, 1), RandomRows(2, 4, 2), options)->seconds, 10);
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

// Row 0 would rather have b's row 0, which row 1 needs more: 3-4-5 and 7-24-25 triangles.
TEST(MatchRowsTest, TheSumDecidesAndNotTheNearest) {
  const at::Tensor a = TensorOf<float>({1, 0, 24, 7}, 2, 2);
  const at::Tensor b = TensorOf<float>({4, 3, 3, -4}, 2, 2);
  const auto matching = MatchRows(a, b);
  ASSERT_TRUE(matching.ok()) << matching.status();
  EXPECT_THAT(matching->counterpart, ElementsAre(1, 0));
  EXPECT_NEAR(matching->mean_cosine, (0.6 + 0.936) / 2, 1e-15);
  EXPECT_NEAR(matching->largest_a[0], 0.8, 1e-15);
  EXPECT_NEAR(matching->largest_a[1], 0.936, 1e-15);
  EXPECT_NEAR(matching->largest_b[0], 0.936, 1e-15);
  EXPECT_NEAR(matching->largest_b[1], 0.6, 1e-15);
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
  EXPECT_THAT(matching->counterpart, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(matching->zero_rows_a, 4);
  EXPECT_EQ(matching->zero_rows_b, 4);
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
