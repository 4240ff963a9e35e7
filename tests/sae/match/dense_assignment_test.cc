#include "tests/sae/match/dense_assignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

struct Matrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<double> weights;

  double at(int64_t row, int64_t column) const { return weights[row * columns + column]; }
  Matrix Transposed() const {
    Matrix result{columns, rows, {}};
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t row = 0; row < rows; ++row) result.weights.push_back(at(row, column));
    }
    return result;
  }
};

// The best total over all injections of the smaller side into the larger one, by trying each.
double BestTotal(const Matrix& matrix) {
  if (matrix.rows > matrix.columns) return BestTotal(matrix.Transposed());
  std::vector<bool> taken(matrix.columns, false);
  double best = -std::numeric_limits<double>::infinity();
  auto place = [&](auto& self, int64_t row, double total) -> void {
    if (row == matrix.rows) {
      best = std::max(best, total);
      return;
    }
    for (int64_t column = 0; column < matrix.columns; ++column) {
      if (taken[column]) continue;
      taken[column] = true;
      self(self, row + 1, total + matrix.at(row, column));
      taken[column] = false;
    }
  };
  place(place, 0, 0);
  return best;
}

double TotalOf(const Matrix& matrix, const Assignment& assignment) {
  double total = 0;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    if (assignment.column_of_row[row] >= 0) total += matrix.at(row, assignment.column_of_row[row]);
  }
  return total;
}

Assignment Solve(const Matrix& matrix) { return MaximumWeightMatching(matrix.weights, matrix.rows, matrix.columns); }

double Bound(const Matrix& matrix, const Assignment& assignment) {
  return MatchingUpperBound(matrix.weights, matrix.rows, matrix.columns, assignment.row_duals, assignment.column_duals);
}

// Every element of the smaller side has its own partner, the total is that of the pairs, and the duals prove it.
void ExpectProvenMatching(const Matrix& matrix) {
  const Assignment assignment = Solve(matrix);
  ASSERT_EQ(assignment.column_of_row.size(), matrix.rows);
  std::set<int64_t> partners;
  for (const int64_t column : assignment.column_of_row) {
    ASSERT_LT(column, matrix.columns);
    if (column < 0) continue;
    ASSERT_TRUE(partners.insert(column).second) << "column " << column << " twice";
  }
  ASSERT_EQ(partners.size(), std::min(matrix.rows, matrix.columns));
  double scale = 1;
  for (const double weight : matrix.weights) scale = std::max(scale, std::abs(weight));
  const double tolerance = 1e-12 * scale * static_cast<double>(matrix.rows + matrix.columns);
  EXPECT_NEAR(assignment.total, TotalOf(matrix, assignment), tolerance);
  EXPECT_GE(Bound(matrix, assignment), assignment.total);
  EXPECT_LE(Bound(matrix, assignment) - assignment.total, tolerance);
}

enum class Kind { kNormalLike, kTies, kEqual, kNegative, kLowRank, kScales };

Matrix Generate(Kind kind, int64_t rows, int64_t columns, SplitMix64& random) {
  Matrix matrix{rows, columns, {}};
  for (int64_t i = 0; i < rows * columns; ++i) {
    const double u = random.Uniform();
    switch (kind) {
      case Kind::kNormalLike:
        matrix.weights.push_back(u + random.Uniform() - random.Uniform() - random.Uniform());
        break;
      case Kind::kTies:
        matrix.weights.push_back(static_cast<double>(random.Below(3)));
        break;
      case Kind::kEqual:
        matrix.weights.push_back(0.25);
        break;
      case Kind::kNegative:
        matrix.weights.push_back(-1 - u);
        break;
      case Kind::kLowRank:  // Rows differ by constants only: every matching is as good as any other.
        matrix.weights.push_back(static_cast<double>(i / columns) + static_cast<double>(i % columns) / 8);
        break;
      case Kind::kScales:
        matrix.weights.push_back((u - 0.5) * std::pow(10.0, static_cast<double>(random.Below(12)) - 6));
        break;
    }
  }
  return matrix;
}

TEST(AssignmentTest, EqualsBruteForceOnSmallMatrices) {
  SplitMix64 random(1);
  int tried = 0;
  for (const Kind kind :
       {Kind::kNormalLike, Kind::kTies, Kind::kEqual, Kind::kNegative, Kind::kLowRank, Kind::kScales}) {
    for (int repeat = 0; repeat < 60; ++repeat) {
      const int64_t rows = 1 + static_cast<int64_t>(random.Below(6));
      const int64_t columns = 1 + static_cast<int64_t>(random.Below(6));
      const Matrix matrix = Generate(kind, rows, columns, random);
      SCOPED_TRACE(absl::StrCat("kind ", static_cast<int>(kind), " ", rows, "x", columns, " repeat ", repeat));
      ExpectProvenMatching(matrix);
      EXPECT_NEAR(Solve(matrix).total, BestTotal(matrix), 1e-9 * std::max(1.0, std::abs(BestTotal(matrix))));
      ++tried;
    }
    ExpectProvenMatching(Generate(kind, 8, 8, random));
  }
  EXPECT_EQ(tried, 360);
}

TEST(AssignmentTest, EqualsBruteForceAtEight) {
  SplitMix64 random(2);
  for (const Kind kind : {Kind::kNormalLike, Kind::kTies, Kind::kNegative}) {
    for (int repeat = 0; repeat < 6; ++repeat) {
      const Matrix matrix = Generate(kind, 8, 8, random);
      EXPECT_NEAR(Solve(matrix).total, BestTotal(matrix), 1e-12);
    }
  }
}

TEST(AssignmentTest, ProvesLargerAndRectangularOnes) {
  SplitMix64 random(3);
  for (const Kind kind :
       {Kind::kNormalLike, Kind::kTies, Kind::kEqual, Kind::kNegative, Kind::kLowRank, Kind::kScales}) {
    SCOPED_TRACE(static_cast<int>(kind));
    ExpectProvenMatching(Generate(kind, 70, 70, random));
    ExpectProvenMatching(Generate(kind, 40, 90, random));
    ExpectProvenMatching(Generate(kind, 90, 40, random));
    ExpectProvenMatching(Generate(kind, 1, 50, random));
    ExpectProvenMatching(Generate(kind, 50, 1, random));
  }
}

// Greedy choices are all wrong here: each row's best column is the one that the next row needs.
TEST(AssignmentTest, LongAlternatingPaths) {
  constexpr int64_t kSize = 60;
  Matrix matrix{kSize, kSize, std::vector<double>(kSize * kSize, 0)};
  for (int64_t row = 0; row < kSize; ++row) {
    matrix.weights[row * kSize + row] = 1;
    if (row + 1 < kSize) matrix.weights[row * kSize + row + 1] = 1 + 1e-9 * static_cast<double>(row + 1);
  }
  ExpectProvenMatching(matrix);
}

// Bids that outbid one another by the last bit of a double must not go on for ever.
TEST(AssignmentTest, NearTiesEnd) {
  SplitMix64 random(4);
  constexpr int64_t kSize = 50;
  Matrix matrix{kSize, kSize, {}};
  for (int64_t i = 0; i < kSize * kSize; ++i) {
    matrix.weights.push_back(1 + std::numeric_limits<double>::epsilon() * static_cast<double>(random.Below(3)));
  }
  ExpectProvenMatching(matrix);
}

TEST(AssignmentTest, SameInputSameMatching) {
  SplitMix64 random(5);
  const Matrix matrix = Generate(Kind::kTies, 60, 60, random);
  const Assignment first = Solve(matrix);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const Assignment again = Solve(matrix);
    EXPECT_EQ(again.column_of_row, first.column_of_row);
    EXPECT_EQ(again.row_duals, first.row_duals);
    EXPECT_EQ(again.column_duals, first.column_duals);
  }
}

// Whatever duals it is given, the bound is a bound; and it does not call a bad matching good.
TEST(AssignmentTest, BoundHoldsForAnyDuals) {
  SplitMix64 random(6);
  for (int repeat = 0; repeat < 300; ++repeat) {
    const Matrix matrix = Generate(Kind::kNormalLike, 1 + static_cast<int64_t>(random.Below(5)),
                                   1 + static_cast<int64_t>(random.Below(5)), random);
    std::vector<double> u(matrix.rows), v(matrix.columns);
    for (double& dual : u) dual = 6 * random.Uniform() - 3;
    for (double& dual : v) dual = 6 * random.Uniform() - 3;
    EXPECT_GE(MatchingUpperBound(matrix.weights, matrix.rows, matrix.columns, u, v), BestTotal(matrix));
  }
}

TEST(AssignmentTest, DamagedDualsLoosenTheBound) {
  SplitMix64 random(7);
  const Matrix matrix = Generate(Kind::kNormalLike, 20, 20, random);
  Assignment assignment = Solve(matrix);
  assignment.column_duals[3] += 0.5;
  EXPECT_NEAR(Bound(matrix, assignment) - assignment.total, 0.5, 1e-9);
}

}  // namespace
}  // namespace seedbed
