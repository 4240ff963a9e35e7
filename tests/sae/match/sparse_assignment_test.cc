// The auction and the augmentation on graphs, complete and sparse ones, against the dense algorithm.
#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/match/auction.h"
#include "sae/match/augmentation.h"
#include "sae/match/certificate.h"
#include "sae/match/priced_matching.h"
#include "tests/sae/match/dense_assignment.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

std::vector<int32_t> Range(int64_t count) {
  std::vector<int32_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// Rows and the graph of those pairs (i, j) that is_pair allows.
struct Problem {
  template <typename Predicate>
  Problem(const Instance& instance, Predicate is_pair) : a(instance.a.Unit()), b(instance.b.Unit()), graph(a, b) {
    ColumnLists lists(static_cast<size_t>(a.rows()));
    for (int64_t i = 0; i < a.rows(); ++i) {
      for (int64_t j = 0; j < b.rows(); ++j) {
        if (is_pair(i, j)) lists[static_cast<size_t>(i)].push_back(static_cast<int32_t>(j));
      }
    }
    graph.Add(&lists);
  }
  explicit Problem(const Instance& instance) : Problem(instance, [](int64_t, int64_t) { return true; }) {}

  // What is no pair weighs too little to be of any use.
  double BestTotal() const {
    std::vector<double> weights;
    for (int64_t i = 0; i < a.rows(); ++i) {
      for (int32_t j = 0; j < b.rows(); ++j) weights.push_back(graph.Contains(i, j) ? graph.Weight(i, j) : -1e3);
    }
    return MaximumWeightMatching(weights, a.rows(), b.rows()).total;
  }

  UnitRows a;
  UnitRows b;
  CandidateGraph graph;
};

void ExpectComplete(const PricedMatching& matching) {
  EXPECT_EQ(matching.free_slack_rows, 0);
  for (const int32_t row : matching.rows) {
    const int32_t column = matching.column_of_row[static_cast<size_t>(row)];
    ASSERT_NE(column, kFree);
    EXPECT_EQ(matching.row_of_column[static_cast<size_t>(column)], row);
  }
  EXPECT_EQ(std::count(matching.row_of_column.begin(), matching.row_of_column.end(), kFree), 0);
}

// Every row, and every slack row, has what is best for it to within epsilon.
void ExpectHappy(const Problem& problem, const PricedMatching& matching, double epsilon) {
  for (const int32_t row : matching.rows) {
    if (matching.column_of_row[static_cast<size_t>(row)] == kFree) continue;
    EXPECT_GE(ProfitOf(problem.graph, matching, row),
              FindBestTwo(problem.graph, matching.prices, row).profit - epsilon);
  }
  double cheapest = std::numeric_limits<double>::infinity();
  for (size_t j = 0; j < matching.prices.size(); ++j) {
    if (matching.row_of_column[j] != kSlackRow) cheapest = std::min(cheapest, matching.prices[j]);
  }
  for (size_t j = 0; j < matching.prices.size(); ++j) {
    EXPECT_TRUE(matching.row_of_column[j] != kSlackRow || matching.prices[j] <= cheapest + epsilon) << j;
  }
}

const std::vector<std::string>& Kinds() {
  static const auto* const kKinds =
      new std::vector<std::string>{"random", "planted", "ties", "low_rank", "all_equal", "outliers", "duplicates"};
  return *kKinds;
}

TEST(FindBestTwoTest, OfEqualProfitsTheFirstColumn) {
  const Problem problem({{1, 2, {1, 0}}, {4, 2, {0, 1, 1, 0, 1, 0, 1, 1}}});
  const BestTwo best = FindBestTwo(problem.graph, {0, 0, 0, 0}, 0);
  EXPECT_EQ(best.column, 1);
  EXPECT_EQ(best.second_column, 2);
  EXPECT_EQ(best.second_profit, 1);
  const BestTwo priced = FindBestTwo(problem.graph, {0, 2, 1.5, 0}, 0);
  EXPECT_EQ(priced.column, 3);
  EXPECT_EQ(priced.second_column, 0);
}

TEST(FindBestTwoTest, ARowWithOneCandidate) {
  const Problem problem({{1, 1, {1}}, {2, 1, {1, 1}}}, [](int64_t, int64_t j) { return j == 1; });
  const BestTwo best = FindBestTwo(problem.graph, {0, 0.25}, 0);
  EXPECT_EQ(best.column, 1);
  EXPECT_EQ(best.profit, 0.75);
  EXPECT_EQ(best.second_column, kFree);
}

TEST(PricedMatchingTest, CountsSlackRows) {
  const Problem problem(MakeInstance("random", 1, 2, 4, 3));
  PricedMatching matching(problem.graph, {0, 1});
  EXPECT_EQ(matching.free_slack_rows, 2);
  EXPECT_EQ(matching.Give(3, kSlackRow), kFree);
  EXPECT_EQ(matching.Give(2, 1), kFree);
  EXPECT_EQ(matching.free_slack_rows, 1);
  EXPECT_EQ(matching.Give(3, 0), kSlackRow);
  EXPECT_EQ(matching.free_slack_rows, 2);
  EXPECT_EQ(matching.Give(2, kSlackRow), 1);
  EXPECT_THAT(matching.column_of_row, ElementsAre(3, kFree));
  matching.Release(3);
  EXPECT_THAT(matching.column_of_row, ElementsAre(kFree, kFree));
  EXPECT_THAT(matching.row_of_column, ElementsAre(kFree, kFree, kSlackRow, kFree));
}

TEST(ReleaseUnhappyTest, ReleasesRowsAndSlackRowsThatDoBetterElsewhere) {
  const Problem problem({{2, 2, {1, 0, 0, 1}}, {4, 2, {1, 0, 0, 1, 1, 1, -1, 0}}});
  PricedMatching matching(problem.graph, {0, 1});
  matching.Give(0, 0);
  matching.Give(2, 1);
  matching.Give(1, kSlackRow);
  matching.Give(3, kSlackRow);
  matching.prices = {0.5, 0.6, 0.4, 0.1};
  // Row 1 has cosine 0.7 at 0.4 and could have 1 at 0.6; the slack row's 0.6 is more than 0.4.
  EXPECT_EQ(ReleaseUnhappy(problem.graph, 0.15, &matching), 1);
  EXPECT_THAT(matching.row_of_column, ElementsAre(0, kFree, 1, kSlackRow));
  EXPECT_EQ(matching.prices[3], 0.4) << "what slack rows pay rises to the cheapest other column";
  EXPECT_EQ(ReleaseUnhappy(problem.graph, 0.05, &matching), 1);
  EXPECT_THAT(matching.row_of_column, ElementsAre(0, kFree, kFree, kSlackRow));
}

TEST(RunAuctionTest, MakesEveryoneHappyToWithinEpsilon) {
  for (const std::string& kind : Kinds()) {
    for (const int64_t columns : {40, 43, 90}) {
      SCOPED_TRACE(absl::StrCat(kind, " ", columns));
      const Problem problem(MakeInstance(kind, 3, 40, columns, 6));
      PricedMatching matching(problem.graph, Range(40));
      for (const double epsilon : {0.05, 1e-3, 1e-5}) {
        ReleaseUnhappy(problem.graph, epsilon, &matching);
        RunAuction(problem.graph, epsilon, &matching);
        ExpectComplete(matching);
        ExpectHappy(problem, matching, epsilon + 1e-12);
        EXPECT_GE(TotalWeight(problem.graph, matching),
                  problem.BestTotal() - (epsilon + 1e-12) * static_cast<double>(columns));
      }
    }
  }
}

TEST(ReduceRowsTest, LeavesWhatIsMatchedExactlyHappy) {
  for (const std::string& kind : Kinds()) {
    SCOPED_TRACE(kind);
    const Problem problem(MakeInstance(kind, 3, 40, 44, 6));
    PricedMatching matching(problem.graph, Range(40));
    ReduceRows(problem.graph, &matching);
    ExpectHappy(problem, matching, 1e-13);
    EXPECT_EQ(matching.free_slack_rows, 4);
  }
}

// From nothing, and from what an auction leaves; with slack rows and without.
TEST(AugmentAllTest, FindsTheBestMatching) {
  for (const std::string& kind : Kinds()) {
    for (const int64_t columns : {40, 41, 75}) {
      const Problem problem(MakeInstance(kind, 5, 40, columns, 6));
      for (const bool after_auction : {false, true}) {
        SCOPED_TRACE(absl::StrCat(kind, " ", columns, after_auction ? " after an auction" : ""));
        PricedMatching matching(problem.graph, Range(40));
        if (after_auction) RunAuction(problem.graph, 0.01, &matching);
        ReleaseUnhappy(problem.graph, 1e-13, &matching);
        EXPECT_TRUE(AugmentAll(problem.graph, kNoLimit, &matching));
        ExpectComplete(matching);
        ExpectHappy(problem, matching, 1e-12);
        EXPECT_NEAR(TotalWeight(problem.graph, matching), problem.BestTotal(), 1e-11);
      }
    }
  }
}

// A band around the diagonal: few candidates, long paths.
TEST(AugmentAllTest, FindsTheBestMatchingOfSparseGraphs) {
  for (const int64_t columns : {120, 125}) {
    const Problem problem(MakeInstance("random", 6, 120, columns, 8),
                          [](int64_t i, int64_t j) { return j >= i && j < i + 3 + i % 4; });
    PricedMatching matching(problem.graph, Range(120));
    RunAuction(problem.graph, 0.02, &matching);
    ReleaseUnhappy(problem.graph, 1e-13, &matching);
    EXPECT_TRUE(AugmentAll(problem.graph, kNoLimit, &matching));
    ExpectComplete(matching);
    EXPECT_NEAR(TotalWeight(problem.graph, matching), problem.BestTotal(), 1e-11);
  }
}

TEST(AugmentAllTest, GivesUpInAStateThatCanBeCompleted) {
  const Problem problem(MakeInstance("random", 7, 60, 60, 4));
  PricedMatching matching(problem.graph, Range(60));
  EXPECT_FALSE(AugmentAll(problem.graph, 5, &matching));
  ExpectHappy(problem, matching, 1e-12);
  EXPECT_GT(std::count(matching.column_of_row.begin(), matching.column_of_row.end(), kFree), 0);
  EXPECT_TRUE(AugmentAll(problem.graph, kNoLimit, &matching));
  ExpectComplete(matching);
  EXPECT_NEAR(TotalWeight(problem.graph, matching), problem.BestTotal(), 1e-11);
}

TEST(DualBoundTest, IsTheWeightOfTheBestMatchingAndNeverLess) {
  for (const int64_t columns : {40, 47}) {
    const Problem problem(MakeInstance("random", 8, 40, columns, 6));
    PricedMatching matching(problem.graph, Range(40));
    EXPECT_TRUE(AugmentAll(problem.graph, kNoLimit, &matching));
    const std::vector<double> none(40, 0);
    const double bound = DualBound(matching, DualsOf(problem.graph, matching), none);
    EXPECT_GE(bound, problem.BestTotal());
    EXPECT_LE(bound, problem.BestTotal() + 1e-11);
    // Whatever the prices are.
    SplitMix64 random(9);
    for (int repeat = 0; repeat < 50; ++repeat) {
      for (double& price : matching.prices) price = 2 * random.Uniform() - 1;
      EXPECT_GE(DualBound(matching, DualsOf(problem.graph, matching), none), problem.BestTotal());
    }
  }
}

TEST(DualBoundTest, AddsExcesses) {
  const Problem problem(MakeInstance("random", 8, 3, 3, 6));
  const PricedMatching matching(problem.graph, Range(3));
  const Duals duals = DualsOf(problem.graph, matching);
  EXPECT_NEAR(DualBound(matching, duals, {0, 0.25, 0.5}), DualBound(matching, duals, {0, 0, 0}) + 0.75, 1e-12);
}

}  // namespace
}  // namespace seedbed
