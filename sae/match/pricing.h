// Whether the duals of a matching on the candidates are feasible for all other pairs too, without looking at most.
//
// Three things are known of a pair that is no candidate, with w = cosine and e = the error of its int8 product:
//   (1) w <= threshold of its row + e, since the row has better ones
//   (2) w <= threshold of its column + e
//   (3) w <= u'_i + v'_j - margin_i with the duals u', v' that an earlier pricing was for
// Each bounds w by a term of the row and one of the column, so that the pair can only break u_i + v_j >= w where
// row term > column term. Rows and columns are sorted by the terms of the sharper one of (1) and (3): what is left is a
// staircase of tiles. Pairs in it whose int8 product leaves it open are computed in float64.
#ifndef SEEDBED_SAE_MATCH_PRICING_H_
#define SEEDBED_SAE_MATCH_PRICING_H_

#include <cstdint>
#include <vector>

#include "sae/match/candidate_graph.h"
#include "sae/match/certificate.h"
#include "sae/match/matching_problem.h"

namespace seedbed {

struct PricingResult {
  int64_t violations = 0;        // Pairs with w_ij > u_i + v_j + kPriceTolerance.
  std::vector<double> excesses;  // By row: max(0, w_ij - u_i - v_j) over all pairs that are no candidates.
  // Pairs that break the duals or come near to it, to become candidates: the worst of each row.
  ColumnLists candidates;
};

// Far above the rounding of a cosine and of the duals, and far below what matters.
inline constexpr double kPriceTolerance = 1e-12;

class Pricing {
 public:
  explicit Pricing(const MatchingProblem& problem);

  // `graph` must have the pairs that it had in the run before, and those that the run proposed.
  PricingResult Run(const CandidateGraph& graph, const Duals& duals);

 private:
  const MatchingProblem problem_;
  // (3): the duals that were priced with a wide window last.
  Duals baseline_;
  std::vector<double> margins_;  // By row; empty before the first run.
  double next_window_;
  int runs_since_baseline_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_PRICING_H_
