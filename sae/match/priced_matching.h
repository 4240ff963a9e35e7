// A matching of rows to columns that may still be partial, with the prices (dual variables) of the columns.
//
// There are as many columns as rows and slack rows together. A slack row has weight 0 with every column: the columns
// that no row takes go to slack rows, and rows that are zero are slack rows themselves. So a problem with fewer rows
// than columns is a square one, whose duals have no sign to keep: the dual of a row is u_i = max_j w_ij - v_j, that of
// a slack row -min_j v_j. Slack rows are all alike and therefore only counted; it does not matter which one has which
// column.
#ifndef SEEDBED_SAE_MATCH_PRICED_MATCHING_H_
#define SEEDBED_SAE_MATCH_PRICED_MATCHING_H_

#include <cstdint>
#include <vector>

#include "sae/match/candidate_graph.h"

namespace seedbed {

inline constexpr int32_t kFree = -1;
inline constexpr int32_t kSlackRow = -2;

struct PricedMatching {
  // Everything is free, all prices are 0. `rows`: those that are no slack rows, at most as many as there are columns.
  PricedMatching(const CandidateGraph& graph, std::vector<int32_t> rows);

  // Gives a column to a row, or to a slack row (kSlackRow), whoever had it before; that one becomes free. Returns it.
  int32_t Give(int32_t column, int32_t row);
  void Release(int32_t column) { Give(column, kFree); }

  std::vector<int32_t> rows;
  std::vector<int32_t> column_of_row;  // By row; kFree.
  std::vector<int32_t> row_of_column;  // By column; kFree, kSlackRow.
  std::vector<double> prices;          // By column.
  int64_t free_slack_rows = 0;
};

// The best two of what a row can have at the current prices, profit = weight - price. Of equal ones the first column.
struct BestTwo {
  int32_t column = kFree;
  int32_t second_column = kFree;  // kFree where there is one column only.
  double profit = 0;
  double second_profit = 0;
};
BestTwo FindBestTwo(const CandidateGraph& graph, const std::vector<double>& prices, int32_t row);

// w_ij - v_j of a row with a column.
double ProfitOf(const CandidateGraph& graph, const PricedMatching& matching, int32_t row);

// Releases every row whose column is worse for it, by more than `tolerance`, than its best one, and every column of a
// slack row whose price is more than `tolerance` above that of the cheapest column of another kind. Returns how many.
// The prices of the other columns of slack rows rise to that of the cheapest one, which is what slack rows pay for any
// other column: no row has a use for them, so nothing else changes.
int64_t ReleaseUnhappy(const CandidateGraph& graph, double tolerance, PricedMatching* matching);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_PRICED_MATCHING_H_
