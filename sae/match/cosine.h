// The exact matching of the rows of one tensor to those of another under cosine.
#ifndef SEEDBED_SAE_MATCH_COSINE_H_
#define SEEDBED_SAE_MATCH_COSINE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/match/exact_matching.h"

namespace seedbed {

struct MatchOptions {
  ExactMatchingOptions engine;
  std::function<double()> seconds;  // A clock, for Matching::seconds. None: those stay 0.
};

// Of rows A [n, d] to rows B [m, d]; every row of the smaller side has a counterpart.
struct Matching {
  std::vector<int64_t> counterpart;  // [n] row of B; -1 = none, which happens only where n > m.
  std::vector<double> cosine;        // [n] with the counterpart; 0 where there is none.
  double mean_cosine = 0;            // Over the smaller side.
  double upper_bound = 0;            // That the mean of no other matching exceeds.
  bool certified = false;            // Proven to be the best: upper_bound - mean_cosine <= 1e-9.
  int rounds = 0;                    // ExactMatching::rounds
  double seconds = 0;
  int64_t zero_rows_a = 0;  // Rows of A that are zero: their cosine with everything is 0.
  int64_t zero_rows_b = 0;
  // Largest cosine of each row of A [n] with any row of B, and the other way round [m].
  std::vector<double> largest_a;
  std::vector<double> largest_b;
  bool largest_proven = false;  // LargestCosines::proven
};

// Maximises the sum of matched cosines. Rows need not be of norm 1. Both tensors are on the CPU; they are read where
// they are if they are float32 and contiguous, and converted to that otherwise. Deterministic (ExactMatching).
//
// INVALID_ARGUMENT, naming the shapes: not two-dimensional, no rows, unequal d, more than 2^24 rows or 2^16 columns.
// INVALID_ARGUMENT, naming the row: a value that is not finite. UNAVAILABLE: the device of the options' sweep failed.
absl::StatusOr<Matching> MatchRows(const at::Tensor& a, const at::Tensor& b, const MatchOptions& options = {});

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_COSINE_H_
