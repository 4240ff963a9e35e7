// The exact matching of one set of rows to another under cosine.
#ifndef SEEDBED_SAE_MATCH_COSINE_H_
#define SEEDBED_SAE_MATCH_COSINE_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"

namespace seedbed {

// Float64 copy of `rows` [n, d] with rows of L2 norm 1. A zero row stays zero, so that its cosine with everything is 0.
at::Tensor UnitRows(const at::Tensor& rows);

struct MatchOptions {
  // Of the similarity matrix.
  int64_t max_matrix_bytes = int64_t{8} << 30;
};

// Of rows A [n, d] to rows B [m, d]; every row of the smaller side has a counterpart.
struct Matching {
  std::vector<int64_t> counterpart;  // [n] row of B; -1 = none, which happens only where n > m.
  std::vector<double> cosine;        // [n] with the counterpart; 0 where there is none.
  double mean_cosine = 0;            // Over the smaller side.
  double upper_bound = 0;            // That the mean of no other matching exceeds.
  bool certified = false;            // upper_bound - mean_cosine <= 1e-9: proven to be the best.
  std::vector<double> largest_a;     // [n] Largest cosine of each row of A with any row of B.
  std::vector<double> largest_b;     // [m] The same for rows of B.
};

// Maximises the sum of matched cosines; exact up to float64 rounding, with the proof in `upper_bound`. Rows need not be
// of norm 1. Both tensors are on the CPU, of any floating type. Deterministic for a given number of threads.
//
// INVALID_ARGUMENT, naming the shapes: not two-dimensional, no rows, unequal d. INVALID_ARGUMENT, naming the row: a
// value that is not finite. RESOURCE_EXHAUSTED, naming the sizes: a similarity matrix over the limit.
absl::StatusOr<Matching> MatchRows(const at::Tensor& a, const at::Tensor& b, const MatchOptions& options = {});

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_COSINE_H_
