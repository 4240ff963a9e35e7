#include "sae/activations/row_scale.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

double SumOfSquares(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

}  // namespace

void RowScale::Add(const at::Tensor& rows) {
  const int64_t count = std::min(rows.size(0), rows_ - seen_);
  if (count == 0) return;
  width_ = rows.size(1);
  const at::Tensor wanted = rows.narrow(0, 0, count).to(at::kFloat);
  const float* values = wanted.const_data_ptr<float>();
  for (int64_t row = 0; row < count; ++row) energy_ += SumOfSquares(values + row * width_, width_);
  seen_ += count;
}

absl::StatusOr<float> RowScale::Get() const {
  const double mean = energy_ / static_cast<double>(rows_);
  if (std::isfinite(mean) && mean > 0) return static_cast<float>(std::sqrt(static_cast<double>(width_) / mean));
  return absl::InvalidArgumentError(
      absl::StrCat("the first ", rows_, " rows have a mean squared norm of ", mean, ": they can't be normalised"));
}

}  // namespace seedbed
