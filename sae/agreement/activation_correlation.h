// Functional agreement: whether matched latents fire alike on the same rows, whatever their weights are.
#ifndef SEEDBED_SAE_AGREEMENT_ACTIVATION_CORRELATION_H_
#define SEEDBED_SAE_AGREEMENT_ACTIVATION_CORRELATION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace seedbed {

// The active latents of some rows: those of row r are the places [starts[r], starts[r + 1]).
struct ActiveRows {
  absl::Span<const int64_t> starts;    // [rows + 1]
  absl::Span<const uint32_t> latents;  // In any order in a row, none twice.
  absl::Span<const float> values;
};

// Pearson's correlation of each latent of a with its counterpart in b over all rows that were added, zeros included. In
// float64, by sums around 0: activations are mostly 0, so their means are small beside their deviations. Not
// thread-safe.
class ActivationCorrelation {
 public:
  // `counterpart` [latents of a], -1 = none; the others are below `latents_b`.
  ActivationCorrelation(absl::Span<const int32_t> counterpart, int64_t latents_b);

  // The same rows, as both dictionaries encode them.
  void Add(const ActiveRows& a, const ActiveRows& b);

  int64_t rows() const { return rows_; }

  // [latents of a]. None where there is no counterpart or one of the two has the same activation in all rows.
  std::vector<std::optional<double>> Correlations() const;

 private:
  struct Moments {
    double sum = 0;
    double squares = 0;
  };

  const std::vector<int32_t> counterpart_;
  int64_t rows_ = 0;
  std::vector<Moments> a_;
  std::vector<Moments> b_;
  std::vector<double> products_;  // [latents of a]: sum of a's activations times the counterpart's.
  std::vector<float> row_of_b_;   // [latents of b]: one row's activations, 0 between rows.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_ACTIVATION_CORRELATION_H_
