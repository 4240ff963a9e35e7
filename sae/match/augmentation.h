// Exact completion of a matching by shortest augmenting paths.
//
// Dijkstra over the slacks u_i + v_j - w_ij >= 0 from one free row at a time, as in Jonker & Volgenant 1987 and, for
// sparse graphs, Karp 1980, with a heap. All slack rows are one vertex: it is entered through any column that a slack
// row has, and leads to every column.
#ifndef SEEDBED_SAE_MATCH_AUGMENTATION_H_
#define SEEDBED_SAE_MATCH_AUGMENTATION_H_

#include <cstdint>

#include "sae/match/priced_matching.h"

namespace seedbed {

// Before: every row with a column has its best one, and the columns of slack rows are the cheapest, all at one price
// (ReleaseUnhappy with a tolerance of nothing but rounding). Afterwards that holds for all rows and slack rows, up to
// the rounding of sums in float64, and none is free: the matching is the best one of the graph, and the prices prove
// it. The graph must have a matching of all rows. Serial and deterministic.
//
// Gives up, and returns false, after paths have passed `most_steps` columns: then what is matched is still the best for
// its row, but some rows are free.
bool AugmentAll(const CandidateGraph& graph, int64_t most_steps, PricedMatching* matching);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_AUGMENTATION_H_
