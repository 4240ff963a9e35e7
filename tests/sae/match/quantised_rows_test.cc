#include "sae/match/quantised_rows.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

double SquaredNorm(const std::vector<double>& row) {
  return std::inner_product(row.begin(), row.end(), row.begin(), 0.0);
}

TEST(RotationTest, KeepsProductsAndSpreadsOneCoordinate) {
  for (const int64_t width : {1, 2, 3, 7, 64, 100, 768}) {
    const Rotation rotation(width);
    std::vector<double> x(static_cast<size_t>(width), 0);
    std::vector<double> y(static_cast<size_t>(width), 1);
    x[0] = 3;
    rotation.Apply(x.data());
    rotation.Apply(y.data());
    EXPECT_NEAR(SquaredNorm(x), 9, 1e-12);
    EXPECT_NEAR(std::inner_product(x.begin(), x.end(), y.begin(), 0.0), 3, 1e-11);
    if (width < 64) continue;
    for (const double value : x) EXPECT_LT(std::abs(value), 1.6) << width;
  }
}

TEST(QuantiseTest, ErrorsBoundWhatIsLeftOut) {
  for (const int64_t width : {1, 5, 64, 200}) {
    const Instance instance = MakeInstance("random", 3, 70, 1, width);
    const UnitRows rows = instance.a.Unit();
    const QuantisedRows quantised = Quantise(rows, nullptr);
    EXPECT_EQ(quantised.depth % 64, 0);
    for (int64_t i = 0; i < rows.rows(); ++i) {
      const auto at = static_cast<size_t>(i);
      double error = 0, norm = 0;
      int32_t sum = 0;
      for (int64_t q = 0; q < quantised.depth; ++q) {
        const int8_t value = quantised.values[static_cast<size_t>(i * quantised.depth + q)];
        const double kept = static_cast<double>(quantised.scales[at]) * value;
        const double exact = q < width ? rows.row(i)[q] / rows.norm(i) : 0;
        error += (exact - kept) * (exact - kept);
        norm += kept * kept;
        sum += value;
      }
      EXPECT_EQ(quantised.sums[at], sum);
      EXPECT_GE(quantised.errors[at], std::sqrt(error));
      EXPECT_LE(quantised.errors[at], std::sqrt(error) + 1e-6);
      EXPECT_GE(quantised.largest_norm, std::sqrt(norm));
    }
  }
}

TEST(QuantiseTest, RowsDoNotCompeteForTheSameSetsOfTheCache) {
  for (const int64_t width : {2048, 4096}) {
    const std::vector<float> values(static_cast<size_t>(width), 1);
    EXPECT_EQ(Quantise(UnitRows::Of(values.data(), 1, width, "").value(), nullptr).depth, width + 64);
  }
}

TEST(QuantiseTest, ZeroRowsStayZeroWithoutError) {
  const RowSet rows = {2, 3, {0, 0, 0, 1, 2, 3}};
  const QuantisedRows quantised = Quantise(rows.Unit(), nullptr);
  EXPECT_EQ(quantised.scales[0], 0);
  EXPECT_EQ(quantised.errors[0], 0);
}

// Whether rotated or not, and whatever the rows are like.
TEST(ErrorsOfProductsTest, BoundEveryProduct) {
  for (const char* kind : {"random", "planted", "outliers", "near_duplicates"}) {
    const Instance instance = MakeInstance(kind, 5, 40, 50, 70);
    const UnitRows a = instance.a.Unit();
    const UnitRows b = instance.b.Unit();
    const Rotation rotation(70);
    for (const Rotation* used : {static_cast<const Rotation*>(nullptr), &rotation}) {
      const QuantisedRows qa = Quantise(a, used);
      const QuantisedRows qb = Quantise(b, used);
      const ProductErrors errors = ErrorsOfProducts(qa, qb);
      for (int64_t i = 0; i < 40; ++i) {
        for (int64_t j = 0; j < 50; ++j) {
          int32_t product = 0;
          for (int64_t q = 0; q < qa.depth; ++q) {
            product +=
                qa.values[static_cast<size_t>(i * qa.depth + q)] * qb.values[static_cast<size_t>(j * qb.depth + q)];
          }
          const float approximation =
              static_cast<float>(product) * (qa.scales[static_cast<size_t>(i)] * qb.scales[static_cast<size_t>(j)]);
          const double bound =
              static_cast<double>(errors.of_row[static_cast<size_t>(i)]) + errors.of_column[static_cast<size_t>(j)];
          EXPECT_LE(std::abs(approximation - Cosine(a, i, b, j)), bound) << kind;
        }
      }
    }
  }
}

TEST(RotationPaysTest, ForOutlierCoordinatesAlone) {
  const Rotation rotation(256);
  const Instance even = MakeInstance("random", 7, 50, 50, 256);
  EXPECT_FALSE(RotationPays(even.a.Unit(), even.b.Unit(), rotation));
  const Instance outliers = MakeInstance("outliers", 7, 50, 50, 256);
  EXPECT_TRUE(RotationPays(outliers.a.Unit(), outliers.b.Unit(), rotation));
}

}  // namespace
}  // namespace seedbed
