// The proof of how good a matching is, by linear-programming duality.
//
// Over square assignments x of rows and slack rows to columns, sum_ij w_ij x_ij <= sum_i u_i + sum_j v_j whenever
// u_i + v_j >= w_ij for all pairs. Duals that break this for some pairs become feasible by raising each u_i by the
// largest excess w_ij - u_i - v_j of its row: so any duals give a bound, and those of a best matching give its weight.
#ifndef SEEDBED_SAE_MATCH_CERTIFICATE_H_
#define SEEDBED_SAE_MATCH_CERTIFICATE_H_

#include <cstdint>
#include <vector>

#include "sae/match/candidates.h"
#include "sae/match/priced_matching.h"

namespace seedbed {

// u_i and v_j of PricedMatching. Every candidate pair has u_i + v_j >= w_ij, up to one rounding.
struct Duals {
  std::vector<double> of_row;     // By row; 0 for slack rows.
  std::vector<double> of_column;  // By column.
  double of_slack_row = 0;
};
Duals DualsOf(const CandidateGraph& graph, const PricedMatching& matching);

// The bound, for excesses >= 0 of the rows (by row), which cover all pairs. Rounded up by what float64 can lose in the
// checks and in the sums.
double DualBound(const PricedMatching& matching, const Duals& duals, const std::vector<double>& excesses);

// Excesses that cover all pairs without looking at one: a pair that is no candidate has w_ij <= threshold of the row +
// errors. Thresholds and errors are by row and by column.
std::vector<double> ExcessesByThresholds(const PricedMatching& matching, const Duals& duals,
                                         const CandidateThresholds& thresholds, const ProductErrors& errors);

// The sum of the matched cosines.
double TotalWeight(const CandidateGraph& graph, const PricedMatching& matching);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_CERTIFICATE_H_
