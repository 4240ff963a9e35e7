// Which pairs are likely to be matched: the best few of every row and of every column, by their int8 products.
#ifndef SEEDBED_SAE_MATCH_CANDIDATES_H_
#define SEEDBED_SAE_MATCH_CANDIDATES_H_

#include <cstdint>
#include <vector>

#include "sae/match/candidate_graph.h"
#include "sae/match/product_sweep.h"

namespace seedbed {

// The int8 product of a pair that is no candidate is at most the threshold of its row and that of its column; where all
// pairs of a row or column are candidates, that is -infinity or the least of them.
struct CandidateThresholds {
  std::vector<float> of_row;     // By position among the chosen rows.
  std::vector<float> of_column;  // By position among the chosen columns.
};

// Appends to candidates[i], for every chosen row i, the columns that are among the `most` best of the row or have the
// row among theirs. Ties: see BestOfEach, by position. The time is that of all products; the memory linear.
CandidateThresholds FindCandidates(const ChosenRows& rows, const ChosenRows& columns, int64_t most,
                                   const ProductSweep& sweep, ColumnLists* candidates);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_CANDIDATES_H_
