#include "sae/match/feasibility.h"

#include <algorithm>
#include <vector>

#include "sae/match/candidates.h"

namespace seedbed {
namespace {

struct Pair {
  int32_t row;
  int32_t column;
};

// The pairs of `rows`, the heavier ones first, in steps of 2^-10 of the weight and by row and column within one: a
// counting sort, for which greed need not be exact.
std::vector<Pair> HeaviestFirst(const CandidateGraph& graph, const std::vector<int32_t>& rows) {
  constexpr double kSteps = 1024;
  constexpr size_t kBuckets = 2 * 1024 + 2;
  const auto bucket_of = [](double weight) {
    return static_cast<size_t>(std::max(0.0, std::min((1 - weight) * kSteps, kBuckets - 1.0)));
  };
  std::vector<size_t> ends(kBuckets + 1, 0);
  for (const int32_t row : rows) {
    for (const double weight : graph.weights_of(row)) ++ends[bucket_of(weight) + 1];
  }
  for (size_t bucket = 1; bucket <= kBuckets; ++bucket) ends[bucket] += ends[bucket - 1];
  std::vector<Pair> pairs(ends[kBuckets]);
  for (const int32_t row : rows) {
    const auto columns = graph.columns_of(row);
    const auto weights = graph.weights_of(row);
    for (size_t e = 0; e < columns.size(); ++e) pairs[ends[bucket_of(weights[e])]++] = {row, columns[e]};
  }
  return pairs;
}

// Takes the heaviest pairs of rows and columns that are left over, and what they take out of both.
void MatchGreedily(const CandidateGraph& graph, std::vector<int32_t>* rows, std::vector<int32_t>* columns) {
  std::vector<bool> row_taken(static_cast<size_t>(graph.rows()), false);
  std::vector<bool> column_free(static_cast<size_t>(graph.columns()), false);
  for (const int32_t column : *columns) column_free[static_cast<size_t>(column)] = true;
  for (const Pair& pair : HeaviestFirst(graph, *rows)) {
    if (row_taken[static_cast<size_t>(pair.row)] || !column_free[static_cast<size_t>(pair.column)]) continue;
    row_taken[static_cast<size_t>(pair.row)] = true;
    column_free[static_cast<size_t>(pair.column)] = false;
  }
  const auto drop = [](std::vector<int32_t>* indices, auto is_taken) {
    indices->erase(std::remove_if(indices->begin(), indices->end(), is_taken), indices->end());
  };
  drop(rows, [&](int32_t row) { return row_taken[static_cast<size_t>(row)]; });
  drop(columns, [&](int32_t column) { return !column_free[static_cast<size_t>(column)]; });
}

}  // namespace

int64_t MakeFeasible(const ChosenRows& rows, const QuantisedRows& columns, int64_t most, const ProductSweep& sweep,
                     CandidateGraph* graph) {
  std::vector<int32_t> rows_left(rows.indices.begin(), rows.indices.end());
  std::vector<int32_t> columns_left(static_cast<size_t>(graph->columns()));
  for (size_t column = 0; column < columns_left.size(); ++column) columns_left[column] = static_cast<int32_t>(column);
  ColumnLists added(static_cast<size_t>(graph->rows()));
  MatchGreedily(*graph, &rows_left, &columns_left);
  int64_t times = 0;
  for (; !rows_left.empty(); ++times) {
    FindCandidates({rows.quantised, rows_left}, {columns, columns_left}, most, sweep, &added);
    graph->Add(&added);
    MatchGreedily(*graph, &rows_left, &columns_left);
  }
  return times;
}

}  // namespace seedbed
