// Bertsekas' auction on the candidates: rows bid for columns and prices rise, until every row has a column that is the
// best for it to within epsilon.
//
// D. P. Bertsekas 1988 ("The auction algorithm"), one bid after the other (Gauss-Seidel). Slack rows bid as similar
// persons do in Bertsekas & Castañon 1989 ("The auction algorithm for the transportation problem"): a slack row does
// not compete with the others, so its second best is the second cheapest column that no slack row has.
#ifndef SEEDBED_SAE_MATCH_AUCTION_H_
#define SEEDBED_SAE_MATCH_AUCTION_H_

#include "sae/match/priced_matching.h"

namespace seedbed {

// Lets all free rows bid until none is left; the graph must have a matching of all rows. Afterwards every row's profit
// is within `epsilon` > 0 of its best one, and no column of a slack row costs more than `epsilon` above the cheapest
// column of another kind, provided that this held for those that had a column before. Total weight: within epsilon a
// column of the best one. Serial and deterministic.
void RunAuction(const CandidateGraph& graph, double epsilon, PricedMatching* matching);

// The same with epsilon = 0 (augmenting row reduction, Jonker & Volgenant 1987): a row whose best two are equally good
// does not bid again, so some rows stay free. What is matched afterwards is exactly the best for its row, provided that
// this held before. Slack rows don't bid.
void ReduceRows(const CandidateGraph& graph, PricedMatching* matching);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_AUCTION_H_
