#include "sae/match/unit_rows.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

TEST(UnitRowsTest, CosinesAreThoseOfPlainSums) {
  for (const int64_t d : {1, 3, 16, 31, 100}) {
    const Instance instance = MakeInstance("random", 1, 5, 5, d);
    const UnitRows a = instance.a.Unit();
    const UnitRows b = instance.b.Unit();
    for (int64_t i = 0; i < 5; ++i) {
      for (int64_t j = 0; j < 5; ++j) {
        double dot = 0, squares_a = 0, squares_b = 0;
        for (int64_t q = 0; q < d; ++q) {
          const double x = a.row(i)[q];
          const double y = b.row(j)[q];
          dot += x * y;
          squares_a += x * x;
          squares_b += y * y;
        }
        EXPECT_NEAR(Cosine(a, i, b, j), dot / std::sqrt(squares_a * squares_b), 1e-14);
        EXPECT_EQ(Cosine(a, i, b, j), Cosine(b, j, a, i));
      }
    }
  }
}

TEST(UnitRowsTest, AZeroRowHasCosineZeroWithEverything) {
  const RowSet rows = {3, 2, {0, 0, 1, 2, 0, 0}};
  const UnitRows unit = rows.Unit();
  EXPECT_TRUE(unit.is_zero(0));
  EXPECT_FALSE(unit.is_zero(1));
  EXPECT_EQ(Cosine(unit, 0, unit, 1), 0);
  EXPECT_EQ(Cosine(unit, 0, unit, 2), 0);
}

TEST(UnitRowsTest, NamesTheFirstRowThatIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(300, 1);
    values[201] = bad;
    values[299] = bad;
    const auto rows = UnitRows::Of(values.data(), 150, 2, "second");
    EXPECT_EQ(rows.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(rows.status().message(), HasSubstr("row 100 of the second side"));
  }
}

}  // namespace
}  // namespace seedbed
