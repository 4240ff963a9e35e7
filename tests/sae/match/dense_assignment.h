// Exact maximum-weight one-to-one matching of a dense matrix, with a proof of how good it is: what sae/match must
// equal, by another algorithm on all pairs. Pure.
#ifndef SEEDBED_TESTS_SAE_MATCH_DENSE_ASSIGNMENT_H_
#define SEEDBED_TESTS_SAE_MATCH_DENSE_ASSIGNMENT_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace seedbed {

// Every row or column of the smaller side has a partner; the larger side keeps the rest unmatched.
struct Assignment {
  std::vector<int64_t> column_of_row;  // [rows]; -1 = unmatched, which happens only where rows > columns.
  double total = 0;                    // Sum of the matched weights.
  // Duals of the linear programme: row_duals[i] + column_duals[j] >= weight(i, j) up to rounding, with equality on
  // matched pairs. Those of the larger side (of the columns, when both are equal) are >= 0, and 0 where unmatched.
  std::vector<double> row_duals;     // [rows]
  std::vector<double> column_duals;  // [columns]
};

// `weights` is row-major [rows, columns], finite; rows, columns >= 1. Among matchings of equal weight the same one is
// chosen every time. Time O(min^2 max) at worst, much less in practice; memory: a transposed copy of the weights where
// rows > columns, otherwise linear.
//
// Shortest augmenting paths with dual variables: Jonker & Volgenant 1987, for rectangular matrices as in Crouse 2016
// ("On implementing 2D rectangular assignment algorithms"), started by augmenting row reduction.
Assignment MaximumWeightMatching(absl::Span<const double> weights, int64_t rows, int64_t columns);

// A number that no matching of the smaller side into the larger one exceeds, whatever the duals are: by weak duality,
// after each dual of the smaller side was raised by the largest violation among its pairs (and by the rounding of the
// checks themselves). Looks at every pair and trusts nothing of how the duals came about; with the duals of an optimal
// matching it equals the total up to rounding.
double MatchingUpperBound(absl::Span<const double> weights, int64_t rows, int64_t columns,
                          absl::Span<const double> row_duals, absl::Span<const double> column_duals);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_MATCH_DENSE_ASSIGNMENT_H_
