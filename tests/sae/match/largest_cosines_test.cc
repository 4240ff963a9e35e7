#include "sae/match/largest_cosines.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/match/cpu_product_sweep.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::Pointwise;

std::vector<int32_t> RowsThatAreNotZero(const UnitRows& rows) {
  std::vector<int32_t> indices;
  for (int32_t i = 0; i < rows.rows(); ++i) {
    if (!rows.is_zero(i)) indices.push_back(i);
  }
  return indices;
}

std::vector<int32_t> Range(int64_t count) {
  std::vector<int32_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// An instance with the best few of every row and column as candidates.
class Problem {
 public:
  Problem(Instance instance, int64_t candidates)
      : instance_(std::move(instance)),
        a_(instance_.a.Unit()),
        b_(instance_.b.Unit()),
        quantised_a_(Quantise(a_, nullptr)),
        quantised_b_(Quantise(b_, nullptr)),
        errors_(ErrorsOfProducts(quantised_a_, quantised_b_)),
        rows_(RowsThatAreNotZero(a_)),
        graph_(a_, b_) {
    ColumnLists found(static_cast<size_t>(a_.rows()));
    const std::vector<int32_t> columns = Range(b_.rows());
    const CandidateThresholds by_position =
        FindCandidates({quantised_a_, rows_}, {quantised_b_, columns}, candidates, sweep_, &found);
    thresholds_.of_row.resize(static_cast<size_t>(a_.rows()));
    for (size_t i = 0; i < rows_.size(); ++i) {
      thresholds_.of_row[static_cast<size_t>(rows_[i])] = by_position.of_row[i];
    }
    thresholds_.of_column = by_position.of_column;
    graph_.Add(&found);
  }

  LargestCosines Find(const std::function<bool()>& expired = nullptr) const {
    return FindLargestCosines({a_, b_, quantised_a_, quantised_b_, thresholds_, errors_, rows_, sweep_}, graph_,
                              expired);
  }

  LargestCosines FromAllCosines() const {
    LargestCosines largest;
    largest.of_row.assign(static_cast<size_t>(a_.rows()), -2);
    largest.of_column.assign(static_cast<size_t>(b_.rows()), -2);
    for (int64_t i = 0; i < a_.rows(); ++i) {
      for (int64_t j = 0; j < b_.rows(); ++j) {
        double& of_row = largest.of_row[static_cast<size_t>(i)];
        double& of_column = largest.of_column[static_cast<size_t>(j)];
        const double cosine = Cosine(a_, i, b_, j);
        of_row = std::max(of_row, cosine);
        of_column = std::max(of_column, cosine);
      }
    }
    return largest;
  }

 private:
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

void ExpectExact(const Problem& problem) {
  const LargestCosines expected = problem.FromAllCosines();
  const LargestCosines found = problem.Find();
  EXPECT_TRUE(found.proven);
  EXPECT_THAT(found.of_row, Pointwise(DoubleNear(1e-12), expected.of_row));
  EXPECT_THAT(found.of_column, Pointwise(DoubleNear(1e-12), expected.of_column));
}

TEST(LargestCosinesTest, EqualThoseOfAllPairs) {
  for (const char* kind :
       {"random", "planted", "ties", "near_duplicates", "low_rank", "all_equal", "outliers", "duplicates"}) {
    for (const int64_t m : {150, 400}) {
      for (const int64_t candidates : {1, 32}) {
        SCOPED_TRACE(absl::StrCat(kind, " m ", m, " candidates ", candidates));
        ExpectExact(Problem(MakeInstance(kind, 31, 150, m, 24), candidates));
      }
    }
  }
}

TEST(LargestCosinesTest, EqualThoseOfAllPairsWhereThereAreSeveralChunks) {
  ExpectExact(Problem(MakeInstance("random", 32, 100, kChunkColumns + 200, 64), 1));
}

// 0 with everything, and the largest of a row or column where all others are negative.
TEST(LargestCosinesTest, ZeroRows) {
  for (const int64_t candidates : {1, 3}) {
    Instance instance = MakeInstance("random", 33, 60, 70, 2);
    for (int64_t i = 0; i < 60; ++i) instance.a.values[static_cast<size_t>(2 * i)] = i % 7 == 0 ? 0 : 1;
    for (int64_t i = 0; i < 60; ++i) instance.a.values[static_cast<size_t>(2 * i + 1)] = 0;
    for (int64_t j = 0; j < 70; ++j) std::fill_n(instance.b.values.begin() + 2 * j, 2, j % 5 == 0 ? 0.0f : -1.0f);
    const Problem problem(instance, candidates);
    ExpectExact(problem);
    EXPECT_THAT(problem.Find().of_row, Each(0));
    EXPECT_THAT(problem.Find().of_column, Each(0));
  }
}

// int8 can't tell these rows apart, so candidates alone miss what is the largest.
TEST(LargestCosinesTest, SaysWhatItHadNoTimeFor) {
  const Problem problem(MakeInstance("near_duplicates", 34, 150, 150, 24), 2);
  const LargestCosines found = problem.Find([] { return true; });
  EXPECT_FALSE(found.proven);
  const LargestCosines exact = problem.FromAllCosines();
  double missed = 0;
  for (size_t i = 0; i < 150; ++i) {
    EXPECT_LE(found.of_row[i], exact.of_row[i]);
    EXPECT_LE(found.of_column[i], exact.of_column[i]);
    missed = std::max(missed, exact.of_row[i] - found.of_row[i]);
  }
  EXPECT_GT(missed, 1e-9);
}

TEST(LargestCosinesTest, EndsAfterTheChunkInWhichTheTimeIsUp) {
  const Problem problem(MakeInstance("near_duplicates", 35, 50, kChunkColumns + 200, 8), 2);
  int asked = 0;
  const LargestCosines found = problem.Find([&asked] { return ++asked == 2; });
  EXPECT_FALSE(found.proven);
  EXPECT_EQ(asked, 2);
}

TEST(LargestCosinesTest, NeedNoTimeWhereCandidatesAreProofEnough) {
  EXPECT_TRUE(Problem(MakeInstance("all_equal", 36, 50, 50, 8), 2).Find([] { return true; }).proven);
  EXPECT_TRUE(Problem(MakeInstance("random", 36, 20, 30, 8), 30).Find([] { return true; }).proven);
}

}  // namespace
}  // namespace seedbed
