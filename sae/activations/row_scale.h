// The constant that normalises a hookpoint's rows.
#ifndef SEEDBED_SAE_ACTIVATIONS_ROW_SCALE_H_
#define SEEDBED_SAE_ACTIVATIONS_ROW_SCALE_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"

namespace seedbed {

// s with mean over the first `rows` rows x of |s x|^2 = width: s = sqrt(width / mean |x|^2). (SAELens,
// normalize_activations="expected_average_only_in", scales the mean norm to sqrt(width) instead.) Summed in float64 in
// a fixed order, so that every rank finds the same. Not thread-safe.
class RowScale {
 public:
  // rows >= 1.
  explicit RowScale(int64_t rows) : rows_(rows) {}

  bool complete() const { return seen_ == rows_; }

  // Takes what it still wants of `rows`: [any, width] of a floating type, contiguous, on the CPU.
  void Add(const at::Tensor& rows);

  // complete(). INVALID_ARGUMENT where the rows are all zero or not finite.
  absl::StatusOr<float> Get() const;

 private:
  int64_t rows_;
  int64_t seen_ = 0;
  int64_t width_ = 0;
  double energy_ = 0;  // Sum of squares.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_ROW_SCALE_H_
