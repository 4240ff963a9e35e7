// Products, candidates, the graph that they make, and what makes it feasible.
#include "sae/match/candidates.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/match/cpu_product_sweep.h"
#include "sae/match/feasibility.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;

std::vector<int32_t> Range(int64_t count) {
  std::vector<int32_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

float ProductOf(const QuantisedRows& a, int64_t i, const QuantisedRows& b, int64_t j) {
  int32_t product = 0;
  for (int64_t q = 0; q < a.depth; ++q) {
    product += a.values[static_cast<size_t>(i * a.depth + q)] * b.values[static_cast<size_t>(j * b.depth + q)];
  }
  return static_cast<float>(product) * (a.scales[static_cast<size_t>(i)] * b.scales[static_cast<size_t>(j)]);
}

struct Sides {
  explicit Sides(const Instance& instance)
      : unit_a(instance.a.Unit()),
        unit_b(instance.b.Unit()),
        a(Quantise(unit_a, nullptr)),
        b(Quantise(unit_b, nullptr)) {}
  UnitRows unit_a;
  UnitRows unit_b;
  QuantisedRows a;
  QuantisedRows b;
};

TEST(ProductSweepTest, VisitsEveryPairThatIsWantedOnce) {
  constexpr int64_t kColumns = kChunkColumns + 195;
  const Instance instance = MakeInstance("random", 1, 333, kColumns, 20);
  const Sides sides(instance);
  std::vector<int32_t> rows = Range(333);
  std::reverse(rows.begin(), rows.end());
  rows.resize(300);
  const std::vector<int32_t> columns = Range(kColumns);
  for (const Int8Products* products : SupportedProducts()) {
    SCOPED_TRACE(products->name);
    std::vector<int> visits(300 * kColumns, 0);
    int64_t wrong = 0, finished = 0;
    std::mutex mutex;
    const auto wanted = [](int64_t row, int64_t column) { return (row / kTileRows + column / kTileColumns) % 3 != 0; };
    const auto visit = [&](const ProductTile& tile) {
      const std::lock_guard<std::mutex> lock(mutex);
      for (int64_t i = 0; i < tile.rows; ++i) {
        for (int64_t j = 0; j < tile.columns; ++j) {
          const int64_t row = tile.first_row + i;
          const int64_t column = tile.first_column + j;
          ++visits[static_cast<size_t>(row * kColumns + column)];
          const float product = ProductOf(sides.a, rows[static_cast<size_t>(row)], sides.b, column);
          wrong += tile.products[i * kTileColumns + j] != product || column < finished ? 1 : 0;
        }
      }
    };
    const auto finish = [&](int64_t first, int64_t count) {
      EXPECT_EQ(first, finished);
      finished += count;
    };
    CpuProductSweep(*products).Run({sides.a, rows}, {sides.b, columns}, {wanted, visit, finish});
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(finished, kColumns);
    for (int64_t row = 0; row < 300; ++row) {
      for (int64_t column = 0; column < kColumns; ++column) {
        ASSERT_EQ(visits[static_cast<size_t>(row * kColumns + column)], wanted(row, column) ? 1 : 0)
            << row << " " << column;
      }
    }
  }
}

// Each pair is a candidate or below both thresholds, and each row and column has as many as it should.
TEST(FindCandidatesTest, FindsTheBestOfRowsAndColumns) {
  constexpr int64_t kColumns = kChunkColumns + 100;
  const Instance instance = MakeInstance("random", 2, 130, kColumns, 16);
  const Sides sides(instance);
  std::vector<int32_t> rows = Range(130);
  rows.erase(rows.begin() + 7);
  const std::vector<int32_t> columns = Range(kColumns);
  ColumnLists found(130);
  const CandidateThresholds thresholds =
      FindCandidates({sides.a, rows}, {sides.b, columns}, 4, CpuProductSweep(), &found);
  EXPECT_THAT(found[7], ElementsAre());
  std::vector<int> above_row(129, 0), above_column(kColumns, 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::set<int32_t> candidates(found[static_cast<size_t>(rows[i])].begin(),
                                       found[static_cast<size_t>(rows[i])].end());
    for (const int32_t j : columns) {
      const float product = ProductOf(sides.a, rows[i], sides.b, j);
      const float row_threshold = thresholds.of_row[i];
      const float column_threshold = thresholds.of_column[static_cast<size_t>(j)];
      above_row[i] += product >= row_threshold ? 1 : 0;
      above_column[static_cast<size_t>(j)] += product >= column_threshold ? 1 : 0;
      EXPECT_EQ(candidates.count(j) == 1, product >= row_threshold || product >= column_threshold);
    }
  }
  for (const int count : above_row) EXPECT_EQ(count, 4);
  for (const int count : above_column) EXPECT_EQ(count, 4);
}

TEST(FindCandidatesTest, AllPairsWhereThereAreFew) {
  const Instance instance = MakeInstance("random", 2, 3, 4, 16);
  const Sides sides(instance);
  ColumnLists found(3);
  const std::vector<int32_t> rows = Range(3);
  const std::vector<int32_t> columns = Range(4);
  const CandidateThresholds thresholds =
      FindCandidates({sides.a, rows}, {sides.b, columns}, 5, CpuProductSweep(), &found);
  CandidateGraph graph(sides.unit_a, sides.unit_b);
  EXPECT_EQ(graph.Add(&found), 12);
  for (const float threshold : thresholds.of_row) EXPECT_EQ(threshold, -std::numeric_limits<float>::infinity());
}

TEST(CandidateGraphTest, KeepsPairsOnceAndInOrder) {
  const Instance instance = MakeInstance("random", 3, 3, 9, 5);
  const UnitRows a = instance.a.Unit();
  const UnitRows b = instance.b.Unit();
  CandidateGraph graph(a, b);
  EXPECT_EQ(graph.pairs(), 0);
  ColumnLists first = {{5, 1, 5}, {}, {8}};
  EXPECT_EQ(graph.Add(&first), 3);
  EXPECT_THAT(first, ElementsAre(ElementsAre(), ElementsAre(), ElementsAre()));
  ColumnLists second = {{3, 1, 0, 7}, {2}, {}};
  EXPECT_EQ(graph.Add(&second), 4);
  EXPECT_THAT(graph.columns_of(0), ElementsAre(0, 1, 3, 5, 7));
  EXPECT_THAT(graph.columns_of(1), ElementsAre(2));
  EXPECT_THAT(graph.columns_of(2), ElementsAre(8));
  EXPECT_EQ(graph.pairs(), 7);
  EXPECT_TRUE(graph.Contains(0, 3));
  EXPECT_FALSE(graph.Contains(1, 3));
  for (int64_t row = 0; row < 3; ++row) {
    for (const int32_t column : graph.columns_of(row)) EXPECT_EQ(graph.Weight(row, column), Cosine(a, row, b, column));
  }
}

// Whether the rows have different columns, by augmenting paths.
class Cover {
 public:
  explicit Cover(const CandidateGraph& graph) : graph_(graph), row_of_(static_cast<size_t>(graph.columns()), -1) {}

  bool Includes(int32_t row) {
    std::vector<bool> seen(row_of_.size(), false);
    return Place(row, &seen);
  }

 private:
  bool Place(int32_t row, std::vector<bool>* seen) {
    for (const int32_t column : graph_.columns_of(row)) {
      const auto at = static_cast<size_t>(column);
      if ((*seen)[at]) continue;
      (*seen)[at] = true;
      if (row_of_[at] >= 0 && !Place(row_of_[at], seen)) continue;
      row_of_[at] = row;
      return true;
    }
    return false;
  }

  const CandidateGraph& graph_;
  std::vector<int32_t> row_of_;
};

TEST(MakeFeasibleTest, CoversAllRows) {
  for (const char* kind : {"random", "planted", "near_duplicates", "duplicates", "low_rank"}) {
    SCOPED_TRACE(kind);
    const Instance instance = MakeInstance(kind, 4, 200, 203, 6);
    const Sides sides(instance);
    const std::vector<int32_t> rows = Range(200);
    const std::vector<int32_t> columns = Range(203);
    ColumnLists found(200);
    FindCandidates({sides.a, rows}, {sides.b, columns}, 1, CpuProductSweep(), &found);
    CandidateGraph graph(sides.unit_a, sides.unit_b);
    graph.Add(&found);
    MakeFeasible({sides.a, rows}, sides.b, 1, CpuProductSweep(), &graph);
    Cover cover(graph);
    for (const int32_t row : rows) ASSERT_TRUE(cover.Includes(row)) << row;
    EXPECT_LT(graph.pairs(), 200 * 203);
  }
}

}  // namespace
}  // namespace seedbed
