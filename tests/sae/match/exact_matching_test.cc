#include "sae/match/exact_matching.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/match/cpu_product_sweep.h"
#include "tests/sae/match/dense_assignment.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::Pointwise;

const std::vector<std::string>& Kinds() {
  static const auto* const kKinds = new std::vector<std::string>{"random",   "planted",   "ties",     "near_duplicates",
                                                                 "low_rank", "all_equal", "outliers", "duplicates"};
  return *kKinds;
}

ExactMatching Match(const Instance& instance, const ExactMatchingOptions& options = {}) {
  return MatchExactly(instance.a.Unit(), instance.b.Unit(), options);
}

// Few enough that most pairs have to be priced.
ExactMatchingOptions FewCandidates(int64_t candidates = 2) {
  ExactMatchingOptions options;
  options.candidates = candidates;
  return options;
}

std::vector<double> WeightsOf(const Instance& instance) {
  const UnitRows a = instance.a.Unit();
  const UnitRows b = instance.b.Unit();
  std::vector<double> weights;
  for (int64_t i = 0; i < a.rows(); ++i) {
    for (int64_t j = 0; j < b.rows(); ++j) weights.push_back(Cosine(a, i, b, j));
  }
  return weights;
}

// The best total, by trying every injection.
double BestTotal(const std::vector<double>& weights, int64_t columns, size_t row, std::vector<bool>* taken) {
  if (static_cast<int64_t>(row) * columns == static_cast<int64_t>(weights.size())) return 0;
  double best = -1e9;
  for (int64_t column = 0; column < columns; ++column) {
    if ((*taken)[static_cast<size_t>(column)]) continue;
    (*taken)[static_cast<size_t>(column)] = true;
    const double weight = weights[row * static_cast<size_t>(columns) + static_cast<size_t>(column)];
    best = std::max(best, weight + BestTotal(weights, columns, row + 1, taken));
    (*taken)[static_cast<size_t>(column)] = false;
  }
  return best;
}

// The largest cosines are those of all pairs.
void ExpectLargest(const std::vector<double>& weights, const LargestCosines& largest) {
  const size_t columns = largest.of_column.size();
  std::vector<double> of_row(largest.of_row.size(), -2);
  std::vector<double> of_column(columns, -2);
  for (size_t at = 0; at < weights.size(); ++at) {
    of_row[at / columns] = std::max(of_row[at / columns], weights[at]);
    of_column[at % columns] = std::max(of_column[at % columns], weights[at]);
  }
  EXPECT_TRUE(largest.proven);
  EXPECT_THAT(largest.of_row, Pointwise(testing::DoubleNear(1e-12), of_row));
  EXPECT_THAT(largest.of_column, Pointwise(testing::DoubleNear(1e-12), of_column));
}

// Every row has a column of its own, the cosines are those of the pairs, and nothing but rounding is below the bound.
void ExpectProven(const Instance& instance, const ExactMatching& found) {
  const std::vector<double> weights = WeightsOf(instance);
  ASSERT_EQ(static_cast<int64_t>(found.column_of_row.size()), instance.a.rows);
  std::set<int32_t> columns;
  double total = 0;
  for (int64_t row = 0; row < instance.a.rows; ++row) {
    const int32_t column = found.column_of_row[static_cast<size_t>(row)];
    ASSERT_GE(column, 0);
    ASSERT_LT(column, instance.b.rows);
    ASSERT_TRUE(columns.insert(column).second) << "column " << column << " twice";
    EXPECT_EQ(found.cosines[static_cast<size_t>(row)], weights[static_cast<size_t>(row * instance.b.rows + column)]);
    total += found.cosines[static_cast<size_t>(row)];
  }
  EXPECT_NEAR(found.total, total, 1e-12 * static_cast<double>(instance.a.rows));
  EXPECT_TRUE(found.certified);
  EXPECT_GE(found.upper_bound, found.total);
  EXPECT_LE(found.upper_bound - found.total, 1e-9);
  ExpectLargest(weights, found.largest);
}

TEST(ExactMatchingTest, EqualsBruteForce) {
  for (const std::string& kind : Kinds()) {
    for (int64_t n = 1; n <= 8; ++n) {
      const int64_t m = n < 7 ? n + 1 : n;
      const Instance instance = MakeInstance(kind, static_cast<uint64_t>(n), n, m, 3);
      SCOPED_TRACE(absl::StrCat(kind, " ", n, "x", m));
      const ExactMatching found = Match(instance, FewCandidates(1));
      ExpectProven(instance, found);
      std::vector<bool> taken(static_cast<size_t>(m), false);
      EXPECT_NEAR(found.total, BestTotal(WeightsOf(instance), m, 0, &taken), 1e-12);
    }
  }
}

TEST(ExactMatchingTest, EqualsTheDenseAlgorithmWhateverTheCandidates) {
  for (const std::string& kind : Kinds()) {
    for (const int64_t m : {150, 153, 400}) {
      const Instance instance = MakeInstance(kind, 7, 150, m, 24);
      const double best = MaximumWeightMatching(WeightsOf(instance), 150, m).total;
      for (const int64_t candidates : {1, 2, 5, 32, 500}) {
        SCOPED_TRACE(absl::StrCat(kind, " m ", m, " candidates ", candidates));
        const ExactMatching found = Match(instance, FewCandidates(candidates));
        ExpectProven(instance, found);
        EXPECT_NEAR(found.total, best, 1e-9);
      }
    }
  }
}

// Panels, chunks and blocks that are not full, and more than one of each.
TEST(ExactMatchingTest, MatchesMoreRowsThanOneChunk) {
  const Instance instance = MakeInstance("planted", 3, 1009, 4100, 16);
  const ExactMatching found = Match(instance, FewCandidates(4));
  ExpectProven(instance, found);
  EXPECT_NEAR(found.total, MaximumWeightMatching(WeightsOf(instance), 1009, 4100).total, 1e-9);
}

TEST(ExactMatchingTest, OneRow) {
  const ExactMatching found = Match({{1, 2, {0, -3}}, {3, 2, {1, 0, 0, -1, 0, 1}}});
  EXPECT_THAT(found.column_of_row, ElementsAre(1));
  EXPECT_EQ(found.total, 1);
  EXPECT_THAT(found.largest.of_row, ElementsAre(1));
  EXPECT_THAT(found.largest.of_column, ElementsAre(0, 1, -1));
  EXPECT_TRUE(found.certified);
  const ExactMatching opposite = Match({{1, 1, {2}}, {1, 1, {-3}}});
  EXPECT_EQ(opposite.total, -1);
  EXPECT_TRUE(opposite.certified);
}

// Zero rows of a take what the others leave, in order, though one of them comes first.
TEST(ExactMatchingTest, ZeroRowsComeLast) {
  const Instance instance = {{4, 2, {0, 0, 1, 0, 0, 0, 0, 1}}, {5, 2, {0, 1, 1, 1, 1, 0, 0, 2, -1, 0}}};
  const ExactMatching found = Match(instance);
  ExpectProven(instance, found);
  EXPECT_THAT(found.column_of_row, ElementsAre(1, 2, 3, 0));
  EXPECT_EQ(found.total, 2);
}

// Rows that would rather have a zero row of b than what is left, and as many zero rows as that.
TEST(ExactMatchingTest, ZeroRowsOfTheLargerSideAreColumnsOfWeightZero) {
  for (const int64_t zeros : {1, 20, 60}) {
    Instance instance = MakeInstance("random", 11, 100, 100, 5);
    for (int64_t j = 0; j < zeros; ++j) std::fill_n(instance.b.values.begin() + 5 * (j * 3 % 100), 5, 0.0f);
    const ExactMatching found = Match(instance, FewCandidates());
    ExpectProven(instance, found);
    EXPECT_NEAR(found.total, MaximumWeightMatching(WeightsOf(instance), 100, 100).total, 1e-9) << zeros;
  }
}

TEST(ExactMatchingTest, AllRowsZero) {
  const ExactMatching found = Match({{2, 1, {0, 0}}, {3, 1, {1, 0, 2}}});
  EXPECT_THAT(found.column_of_row, ElementsAre(0, 1));
  EXPECT_THAT(found.cosines, ElementsAre(0, 0));
  EXPECT_TRUE(found.certified);
  EXPECT_EQ(found.upper_bound, 0);
}

// 300 latents that are exactly alike among others: candidates of equal rows must not all be the same few columns.
TEST(ExactMatchingTest, ManyExactTies) {
  Instance instance = MakeInstance("random", 5, 600, 600, 16);
  for (RowSet* side : {&instance.a, &instance.b}) {
    for (int64_t i = 100; i < 400; ++i) std::copy_n(instance.a.values.begin(), 16, side->values.begin() + i * 16);
  }
  const ExactMatching found = Match(instance, FewCandidates(8));
  ExpectProven(instance, found);
  EXPECT_LE(found.rounds, 20);
}

TEST(ExactMatchingTest, IsTheSameForEveryKernelAndNumberOfThreads) {
  const int threads_before = at::get_num_threads();
  for (const std::string& kind : Kinds()) {
    const Instance instance = MakeInstance(kind, 13, 320, 331, 20);
    const ExactMatching expected = Match(instance, FewCandidates(3));
    for (const Int8Products* products : SupportedProducts()) {
      const CpuProductSweep sweep(*products);
      for (const int threads : {1, 2, 4}) {
        at::set_num_threads(threads);
        SCOPED_TRACE(absl::StrCat(kind, " ", products->name, " threads ", threads));
        ExactMatchingOptions options = FewCandidates(3);
        options.sweep = &sweep;
        const ExactMatching found = Match(instance, options);
        EXPECT_EQ(found.column_of_row, expected.column_of_row);
        EXPECT_EQ(found.upper_bound, expected.upper_bound);
        EXPECT_EQ(found.rounds, expected.rounds);
        EXPECT_EQ(found.largest.of_row, expected.largest.of_row);
        EXPECT_EQ(found.largest.of_column, expected.largest.of_column);
      }
    }
  }
  at::set_num_threads(threads_before);
}

TEST(ExactMatchingTest, DoesNotDependOnTheLengthOfRows) {
  const Instance instance = MakeInstance("planted", 17, 200, 200, 12);
  Instance scaled = instance;
  for (size_t q = 0; q < scaled.a.values.size(); ++q) scaled.a.values[q] *= q / 12 % 2 == 0 ? 0x1p20f : 0x1p-30f;
  const ExactMatching found = Match(instance, FewCandidates());
  const ExactMatching of_scaled = Match(scaled, FewCandidates());
  EXPECT_EQ(of_scaled.column_of_row, found.column_of_row);
  EXPECT_THAT(of_scaled.cosines, Pointwise(testing::DoubleNear(1e-15), found.cosines));
}

TEST(ExactMatchingTest, FollowsAPermutationOfRows) {
  const Instance instance = MakeInstance("planted", 19, 200, 230, 12);
  Instance permuted = instance;
  const auto place = [](int64_t i) { return (i * 77 + 5) % 200; };
  for (int64_t i = 0; i < 200; ++i) {
    std::copy_n(instance.a.values.begin() + i * 12, 12, permuted.a.values.begin() + place(i) * 12);
  }
  const ExactMatching found = Match(instance, FewCandidates());
  const ExactMatching of_permuted = Match(permuted, FewCandidates());
  EXPECT_NEAR(of_permuted.total, found.total, 1e-9);
  for (int64_t i = 0; i < 200; ++i) {
    EXPECT_EQ(of_permuted.column_of_row[static_cast<size_t>(place(i))], found.column_of_row[static_cast<size_t>(i)]);
  }
}

TEST(ExactMatchingTest, IsSymmetric) {
  const Instance instance = MakeInstance("planted", 23, 210, 210, 12);
  const ExactMatching found = Match(instance, FewCandidates());
  const ExactMatching swapped = Match({instance.b, instance.a}, FewCandidates());
  EXPECT_NEAR(swapped.total, found.total, 1e-9);
  for (size_t i = 0; i < 210; ++i) {
    EXPECT_EQ(swapped.column_of_row[static_cast<size_t>(found.column_of_row[i])], static_cast<int32_t>(i));
  }
}

// What is not proven is not called so, and its bound is still one.
TEST(ExactMatchingTest, SaysWhatItCouldNotProve) {
  const Instance instance = MakeInstance("random", 29, 300, 300, 16);
  const double best = MaximumWeightMatching(WeightsOf(instance), 300, 300).total;
  double bound_before = 300 + 1e-9;
  for (int rounds = 0; rounds <= 2; ++rounds) {
    ExactMatchingOptions options = FewCandidates(1);
    options.max_rounds = rounds;
    const ExactMatching found = Match(instance, options);
    EXPECT_FALSE(found.certified);
    EXPECT_EQ(found.rounds, rounds);
    EXPECT_LE(found.total, best + 1e-9);
    EXPECT_GE(found.upper_bound, best);
    EXPECT_LE(found.upper_bound, bound_before);
    bound_before = found.upper_bound;
  }
}

TEST(ExactMatchingTest, StopsWhenTheTimeIsUp) {
  const Instance instance = MakeInstance("random", 29, 300, 300, 16);
  ExactMatchingOptions options = FewCandidates(1);
  int asked = 0;
  options.expired = [&asked] { return ++asked == 2; };
  const ExactMatching found = Match(instance, options);
  EXPECT_EQ(found.rounds, 1);
  EXPECT_FALSE(found.certified);
  EXPECT_FALSE(found.largest.proven);
  EXPECT_GT(found.upper_bound, found.total + 1e-9);
}

}  // namespace
}  // namespace seedbed
