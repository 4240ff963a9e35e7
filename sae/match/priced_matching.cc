#include "sae/match/priced_matching.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace seedbed {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Of the columns that slack rows do not have. Infinity if there is none.
double CheapestOfOthers(const PricedMatching& matching) {
  double cheapest = kInfinity;
  for (size_t column = 0; column < matching.prices.size(); ++column) {
    if (matching.row_of_column[column] != kSlackRow) cheapest = std::min(cheapest, matching.prices[column]);
  }
  return cheapest;
}

int64_t ReleaseUnhappySlackRows(double tolerance, PricedMatching* matching) {
  if (matching->rows.size() == matching->prices.size()) return 0;
  double cheapest = CheapestOfOthers(*matching);
  if (cheapest == kInfinity) cheapest = *std::max_element(matching->prices.begin(), matching->prices.end());
  int64_t released = 0;
  for (size_t column = 0; column < matching->prices.size(); ++column) {
    if (matching->row_of_column[column] != kSlackRow) continue;
    if (matching->prices[column] <= cheapest + tolerance) {
      matching->prices[column] = std::max(matching->prices[column], cheapest);
    } else {
      matching->Release(static_cast<int32_t>(column));
      ++released;
    }
  }
  return released;
}

}  // namespace

PricedMatching::PricedMatching(const CandidateGraph& graph, std::vector<int32_t> rows_with_candidates)
    : rows(std::move(rows_with_candidates)),
      column_of_row(static_cast<size_t>(graph.rows()), kFree),
      row_of_column(static_cast<size_t>(graph.columns()), kFree),
      prices(static_cast<size_t>(graph.columns()), 0),
      free_slack_rows(graph.columns() - static_cast<int64_t>(rows.size())) {}

int32_t PricedMatching::Give(int32_t column, int32_t row) {
  const int32_t before = std::exchange(row_of_column[static_cast<size_t>(column)], row);
  if (before == kSlackRow) ++free_slack_rows;
  if (before >= 0) column_of_row[static_cast<size_t>(before)] = kFree;
  if (row == kSlackRow) --free_slack_rows;
  if (row >= 0) column_of_row[static_cast<size_t>(row)] = column;
  return before;
}

BestTwo FindBestTwo(const CandidateGraph& graph, const std::vector<double>& prices, int32_t row) {
  const auto columns = graph.columns_of(row);
  const auto weights = graph.weights_of(row);
  BestTwo best{kFree, kFree, -kInfinity, -kInfinity};
  for (size_t e = 0; e < columns.size(); ++e) {
    const double profit = weights[e] - prices[static_cast<size_t>(columns[e])];
    if (profit > best.profit) {
      best = {columns[e], best.column, profit, best.profit};
    } else if (profit > best.second_profit) {
      best.second_column = columns[e];
      best.second_profit = profit;
    }
  }
  return best;
}

double ProfitOf(const CandidateGraph& graph, const PricedMatching& matching, int32_t row) {
  const int32_t column = matching.column_of_row[static_cast<size_t>(row)];
  return graph.Weight(row, column) - matching.prices[static_cast<size_t>(column)];
}

int64_t ReleaseUnhappy(const CandidateGraph& graph, double tolerance, PricedMatching* matching) {
  int64_t released = ReleaseUnhappySlackRows(tolerance, matching);
  for (const int32_t row : matching->rows) {
    const int32_t column = matching->column_of_row[static_cast<size_t>(row)];
    if (column == kFree) continue;
    if (ProfitOf(graph, *matching, row) >= FindBestTwo(graph, matching->prices, row).profit - tolerance) continue;
    matching->Release(column);
    ++released;
  }
  return released;
}

}  // namespace seedbed
