// Rows under cosine: each counts by its direction alone. The matrix is read where it is and never copied.
#ifndef SEEDBED_SAE_MATCH_UNIT_ROWS_H_
#define SEEDBED_SAE_MATCH_UNIT_ROWS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// Immutable, so safe to read from many threads.
class UnitRows {
 public:
  // `values` is row-major [rows, width] and must outlive the result; rows, width >= 1. INVALID_ARGUMENT, naming row
  // and side, for a value that is not finite.
  static absl::StatusOr<UnitRows> Of(const float* values, int64_t rows, int64_t width, absl::string_view side);

  int64_t rows() const { return static_cast<int64_t>(norms_.size()); }
  int64_t width() const { return width_; }
  const float* row(int64_t i) const { return values_ + i * width_; }
  double norm(int64_t i) const { return norms_[static_cast<size_t>(i)]; }
  bool is_zero(int64_t i) const { return norm(i) == 0; }

 private:
  UnitRows(const float* values, int64_t width, std::vector<double> norms)
      : values_(values), width_(width), norms_(std::move(norms)) {}

  const float* values_;
  int64_t width_;
  std::vector<double> norms_;
};

// Products of float32 are exact in float64, and their sum has one order whatever the CPU: the result is the same
// everywhere, and off by at most (width / 16 + 8) 2^-53. 0 where one of the rows is zero.
double Cosine(const UnitRows& a, int64_t i, const UnitRows& b, int64_t j);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_UNIT_ROWS_H_
