#include "sae/match/certificate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace seedbed {
namespace {

double LargestMagnitude(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace

Duals DualsOf(const CandidateGraph& graph, const PricedMatching& matching) {
  Duals duals;
  duals.of_row.assign(static_cast<size_t>(graph.rows()), 0);
  duals.of_column = matching.prices;
  for (const int32_t row : matching.rows) {
    duals.of_row[static_cast<size_t>(row)] = FindBestTwo(graph, matching.prices, row).profit;
  }
  duals.of_slack_row = -*std::min_element(matching.prices.begin(), matching.prices.end());
  return duals;
}

double DualBound(const PricedMatching& matching, const Duals& duals, const std::vector<double>& excesses) {
  // A check is off by at most two roundings of numbers of this size.
  const double rounding = 4 * std::numeric_limits<double>::epsilon() *
                          (1 + LargestMagnitude(duals.of_row) + LargestMagnitude(duals.of_column));
  const auto slack_rows = static_cast<long double>(matching.prices.size() - matching.rows.size());
  long double bound = slack_rows * static_cast<long double>(duals.of_slack_row);
  for (const double price : duals.of_column) bound += price;
  for (const int32_t row : matching.rows) {
    const auto at = static_cast<size_t>(row);
    bound += static_cast<long double>(duals.of_row[at]) + excesses[at] + rounding;
  }
  return std::nextafter(static_cast<double>(bound), std::numeric_limits<double>::infinity());
}

std::vector<double> ExcessesByThresholds(const PricedMatching& matching, const Duals& duals,
                                         const CandidateThresholds& thresholds, const ProductErrors& errors) {
  double least_price = std::numeric_limits<double>::infinity();  // What a column may be had for at best.
  for (size_t column = 0; column < duals.of_column.size(); ++column) {
    least_price = std::min(least_price, duals.of_column[column] - errors.of_column[column]);
  }
  std::vector<double> excesses(duals.of_row.size(), 0);
  for (const int32_t row : matching.rows) {
    const auto at = static_cast<size_t>(row);
    const double most = static_cast<double>(thresholds.of_row[at]) + errors.of_row[at];
    excesses[at] = std::max(0.0, most - least_price - duals.of_row[at]);
  }
  return excesses;
}

double TotalWeight(const CandidateGraph& graph, const PricedMatching& matching) {
  long double total = 0;
  for (const int32_t row : matching.rows) total += graph.Weight(row, matching.column_of_row[static_cast<size_t>(row)]);
  return static_cast<double>(total);
}

}  // namespace seedbed
