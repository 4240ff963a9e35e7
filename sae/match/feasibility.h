// Candidates that allow a matching of every row.
#ifndef SEEDBED_SAE_MATCH_FEASIBILITY_H_
#define SEEDBED_SAE_MATCH_FEASIBILITY_H_

#include <cstdint>

#include "sae/match/candidate_graph.h"
#include "sae/match/product_sweep.h"

namespace seedbed {

// Adds pairs until the graph has a matching that covers all of `rows`, of which there may be no more than columns: rows
// take columns greedily, those left over get the `most` best among the columns left over, and so on. Each time at least
// one more row is covered, since the row and column left over with the largest product are candidates of one another.
// No pair without a cosine is ever added. Returns the number of times.
int64_t MakeFeasible(const ChosenRows& rows, const QuantisedRows& columns, int64_t most, const ProductSweep& sweep,
                     CandidateGraph* graph);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_FEASIBILITY_H_
