#include "sae/match/pricing.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/match/cpu_product_sweep.h"
#include "sae/match/feasibility.h"
#include "sae/match/staircase.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;

std::vector<int32_t> Range(int64_t count) {
  std::vector<int32_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

TEST(StaircaseTest, SortsAndCountsWhatIsOpen) {
  const OpenCondition condition = {{0.5f, 9, 2, 1}, {1, 0, 2, 1}};
  const std::vector<int32_t> rows = {0, 2, 3};
  EXPECT_THAT(SortRows(condition, rows), ElementsAre(2, 3, 0));
  EXPECT_THAT(SortColumns(condition), ElementsAre(1, 0, 3, 2));
  // Row 2 is open to three columns, row 3 and row 0 to one each.
  EXPECT_DOUBLE_EQ(OpenFraction(condition, rows), 5.0 / 12);
}

TEST(StaircaseTest, LeavesOutOnlyTilesWithoutAnOpenPair) {
  SplitMix64 random(1);
  std::vector<OpenCondition> conditions(2);
  for (OpenCondition& condition : conditions) {
    for (int i = 0; i < 100; ++i) condition.of_row.push_back(static_cast<float>(random.Uniform()));
    for (int j = 0; j < 300; ++j) condition.of_column.push_back(static_cast<float>(random.Uniform() + 0.4));
  }
  const std::vector<int32_t> rows = SortRows(conditions[0], Range(100));
  const std::vector<int32_t> columns = SortColumns(conditions[0]);
  const OpenTiles open(conditions, rows, columns);
  int closed = 0;
  for (int64_t row = 0; row < 100; row += kTileRows) {
    for (int64_t column = 0; column < 300; column += kTileColumns) {
      bool any = false;
      for (int64_t i = row; i < std::min<int64_t>(100, row + kTileRows); ++i) {
        for (int64_t j = column; j < std::min<int64_t>(300, column + kTileColumns); ++j) {
          any = any || std::all_of(conditions.begin(), conditions.end(), [&](const OpenCondition& condition) {
                  return condition.of_row[static_cast<size_t>(rows[static_cast<size_t>(i)])] >
                         condition.of_column[static_cast<size_t>(columns[static_cast<size_t>(j)])];
                });
        }
      }
      EXPECT_TRUE(!any || open.IsOpen(row, column));
      closed += open.IsOpen(row, column) ? 0 : 1;
    }
  }
  EXPECT_GT(closed, 20);
}

// A problem with some candidates, and prices that are anything.
class PricingTest : public testing::Test {
 protected:
  static constexpr int64_t kRows = 150;
  static constexpr int64_t kColumns = 170;

  PricingTest()
      : instance_(MakeInstance("random", 1, kRows, kColumns, 24)),
        a_(instance_.a.Unit()),
        b_(instance_.b.Unit()),
        quantised_a_(Quantise(a_, nullptr)),
        quantised_b_(Quantise(b_, nullptr)),
        errors_(ErrorsOfProducts(quantised_a_, quantised_b_)),
        rows_(Range(kRows)),
        graph_(a_, b_) {
    ColumnLists found(kRows);
    const std::vector<int32_t> columns = Range(kColumns);
    thresholds_ = FindCandidates({quantised_a_, rows_}, {quantised_b_, columns}, 2, sweep_, &found);
    graph_.Add(&found);
  }

  Pricing MakePricing() const {
    return Pricing({a_, b_, quantised_a_, quantised_b_, thresholds_, errors_, rows_, sweep_});
  }

  // Duals that hold for the candidates, around what weights are.
  Duals DualsNear(double price, uint64_t seed) const {
    PricedMatching matching(graph_, rows_);
    SplitMix64 random(seed);
    for (double& each : matching.prices) each = price * (0.5 + random.Uniform());
    return DualsOf(graph_, matching);
  }

  // The largest excess of each row over all pairs, by looking at all.
  std::vector<double> ExcessesOf(const Duals& duals, int64_t* violations) const {
    std::vector<double> excesses(kRows, 0);
    *violations = 0;
    for (int64_t i = 0; i < kRows; ++i) {
      for (int32_t j = 0; j < kColumns; ++j) {
        if (graph_.Contains(i, j)) continue;
        const double excess =
            Cosine(a_, i, b_, j) - duals.of_row[static_cast<size_t>(i)] - duals.of_column[static_cast<size_t>(j)];
        excesses[static_cast<size_t>(i)] = std::max(excesses[static_cast<size_t>(i)], excess);
        *violations += excess > kPriceTolerance ? 1 : 0;
      }
    }
    return excesses;
  }

  void ExpectFindsAll(const PricingResult& priced, const Duals& duals) const {
    int64_t violations = 0;
    const std::vector<double> excesses = ExcessesOf(duals, &violations);
    EXPECT_EQ(priced.violations, violations);
    for (size_t i = 0; i < kRows; ++i) EXPECT_NEAR(priced.excesses[i], excesses[i], 1e-15) << i;
  }

  const Instance instance_;
  const UnitRows a_;
  const UnitRows b_;
  const QuantisedRows quantised_a_;
  const QuantisedRows quantised_b_;
  const ProductErrors errors_;
  const std::vector<int32_t> rows_;
  const CpuProductSweep sweep_;
  CandidateThresholds thresholds_;
  CandidateGraph graph_;
};

TEST_F(PricingTest, FindsEveryViolationWhateverThePrices) {
  for (const double price : {0.0, 0.05, 0.2, 0.5, -0.3}) {
    const Duals duals = DualsNear(price, 1);
    ExpectFindsAll(MakePricing().Run(graph_, duals), duals);
  }
}

// Later runs rely on what the first one found.
TEST_F(PricingTest, FindsEveryViolationAgainWhenPricesHaveMoved) {
  Pricing pricing = MakePricing();
  for (uint64_t run = 0; run < 12; ++run) {
    const Duals duals = DualsNear(0.2 + 0.01 * static_cast<double>(run % 5), 7 + run / 4);
    PricingResult priced = pricing.Run(graph_, duals);
    ExpectFindsAll(priced, duals);
    graph_.Add(&priced.candidates);
  }
}

TEST_F(PricingTest, ProposesViolationsAndPairsThatComeNear) {
  const Duals duals = DualsNear(0.2, 1);
  const PricingResult priced = MakePricing().Run(graph_, duals);
  int64_t near = 0;
  for (int64_t i = 0; i < kRows; ++i) {
    for (const int32_t j : priced.candidates[static_cast<size_t>(i)]) {
      EXPECT_FALSE(graph_.Contains(i, j));
      const double excess =
          Cosine(a_, i, b_, j) - duals.of_row[static_cast<size_t>(i)] - duals.of_column[static_cast<size_t>(j)];
      EXPECT_GE(excess, -0.0101);
      near += excess <= 0 ? 1 : 0;
    }
  }
  EXPECT_GT(priced.violations, 0);
  EXPECT_GT(near, 0);
}

TEST_F(PricingTest, ThresholdsCoverAllPairs) {
  const PricedMatching matching(graph_, rows_);
  for (const double price : {0.0, 0.2, -0.3}) {
    const Duals duals = DualsNear(price, 1);
    int64_t violations = 0;
    const std::vector<double> exact = ExcessesOf(duals, &violations);
    const std::vector<double> covering = ExcessesByThresholds(matching, duals, thresholds_, errors_);
    for (size_t i = 0; i < kRows; ++i) EXPECT_GE(covering[i], exact[i]);
  }
}

}  // namespace
}  // namespace seedbed
