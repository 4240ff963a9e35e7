// What is to be matched, and what the search for candidates found out about all other pairs.
#ifndef SEEDBED_SAE_MATCH_MATCHING_PROBLEM_H_
#define SEEDBED_SAE_MATCH_MATCHING_PROBLEM_H_

#include <cstdint>
#include <vector>

#include "sae/match/candidates.h"
#include "sae/match/product_sweep.h"
#include "sae/match/quantised_rows.h"
#include "sae/match/unit_rows.h"

namespace seedbed {

// Everything must outlive it.
struct MatchingProblem {
  const UnitRows& a;
  const UnitRows& b;
  const QuantisedRows& quantised_a;
  const QuantisedRows& quantised_b;
  const CandidateThresholds& thresholds;  // By row and by column.
  const ProductErrors& errors;
  const std::vector<int32_t>& rows;  // Of a, that are not zero.
  const ProductSweep& sweep;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_MATCHING_PROBLEM_H_
