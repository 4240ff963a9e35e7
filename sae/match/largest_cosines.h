// The largest cosine of every row with any column, and the other way round, exact and without all cosines.
//
// L, the largest cosine among a row's candidates, is the largest of all unless the rounding to int8 hides a larger one.
// A pair that is no candidate has w <= threshold of its row + e and w <= threshold of its column + e, with e = the
// error of its int8 product, so it matters only where both exceed L. What is left is a staircase of tiles
// (staircase.h); pairs in it whose int8 product leaves it open are computed in float64. Where L is 1 up to rounding
// there is nothing to look for: no cosine is above 1.
#ifndef SEEDBED_SAE_MATCH_LARGEST_COSINES_H_
#define SEEDBED_SAE_MATCH_LARGEST_COSINES_H_

#include <functional>
#include <vector>

#include "sae/match/candidate_graph.h"
#include "sae/match/matching_problem.h"

namespace seedbed {

struct LargestCosines {
  std::vector<double> of_row;     // [rows of a] With any row of b; 0 for rows that are zero.
  std::vector<double> of_column;  // [rows of b] With any row of a.
  // No cosine of the row or column is larger by more than 1e-12. Without it, one may be.
  bool proven = false;
};

// `graph` must have the candidates that the thresholds are of; `problem` has a row. `expired` is asked before the
// search and after every chunk of columns, and ends it once it says true; none: no limit. Where it is proven the result
// is a function of the rows alone.
LargestCosines FindLargestCosines(const MatchingProblem& problem, const CandidateGraph& graph,
                                  const std::function<bool()>& expired);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_LARGEST_COSINES_H_
