#include "sae/match/cosine.h"

#include <algorithm>

#include "ATen/ops/all.h"
#include "ATen/ops/amax.h"
#include "ATen/ops/argmin.h"
#include "ATen/ops/isfinite.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "ATen/ops/mm.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/status.h"
#include "sae/match/assignment.h"

namespace seedbed {
namespace {

constexpr double kCertifiedGap = 1e-9;

std::string ShapeText(const at::Tensor& tensor) {
  std::string text = "[";
  for (int64_t i = 0; i < tensor.dim(); ++i) absl::StrAppend(&text, i > 0 ? ", " : "", tensor.size(i));
  return text + "]";
}

absl::Status CheckShapes(const at::Tensor& a, const at::Tensor& b) {
  const bool fit = a.dim() == 2 && b.dim() == 2 && a.size(0) > 0 && b.size(0) > 0 && a.size(1) == b.size(1);
  if (fit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("can't match rows of shape ", ShapeText(a), " to rows of shape ",
                                                 ShapeText(b), ": [n, d] and [m, d] with n, m >= 1 are needed"));
}

absl::Status CheckFinite(const at::Tensor& rows, absl::string_view side) {
  const at::Tensor finite = at::isfinite(rows).all(/*dim=*/1);
  if (at::all(finite).item<bool>()) return absl::OkStatus();
  const int64_t row = at::argmin(finite.to(at::kByte)).item<int64_t>();
  return absl::InvalidArgumentError(
      absl::StrCat("row ", row, " of the ", side, " side has a value that is not finite"));
}

absl::Status CheckMatrixSize(int64_t n, int64_t m, int64_t max_bytes) {
  const double bytes = static_cast<double>(n) * static_cast<double>(m) * sizeof(double);
  if (bytes <= static_cast<double>(max_bytes)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("matching ", n, " to ", m, " rows needs a similarity matrix of ",
                                                   bytes / 1e9, " GB; at most ", max_bytes / 1e9, " GB are allowed"));
}

absl::Span<const double> Values(const at::Tensor& tensor) {
  return absl::MakeConstSpan(tensor.const_data_ptr<double>(), static_cast<size_t>(tensor.numel()));
}

std::vector<double> ToVector(const at::Tensor& tensor) {
  const at::Tensor contiguous = tensor.contiguous();
  const absl::Span<const double> values = Values(contiguous);
  return std::vector<double>(values.begin(), values.end());
}

}  // namespace

at::Tensor UnitRows(const at::Tensor& rows) {
  const at::Tensor wide = rows.to(at::kDouble);
  const at::Tensor norms = at::linalg_vector_norm(wide, 2, at::IntArrayRef{1}, /*keepdim=*/true);
  return wide.div(norms.masked_fill(norms.eq(0), 1));
}

absl::StatusOr<Matching> MatchRows(const at::Tensor& a, const at::Tensor& b, const MatchOptions& options) {
  RETURN_IF_ERROR(CheckShapes(a, b));
  RETURN_IF_ERROR(CheckFinite(a, "first"));
  RETURN_IF_ERROR(CheckFinite(b, "second"));
  const int64_t n = a.size(0);
  const int64_t m = b.size(0);
  RETURN_IF_ERROR(CheckMatrixSize(n, m, options.max_matrix_bytes));

  const at::Tensor similarity = at::mm(UnitRows(a), UnitRows(b).t()).contiguous();
  const absl::Span<const double> weights = Values(similarity);
  const Assignment assignment = MaximumWeightMatching(weights, n, m);
  const double bound = MatchingUpperBound(weights, n, m, assignment.row_duals, assignment.column_duals);

  Matching matching;
  matching.counterpart = assignment.column_of_row;
  matching.cosine.resize(n, 0);
  for (int64_t row = 0; row < n; ++row) {
    const int64_t column = matching.counterpart[row];
    if (column >= 0) matching.cosine[row] = weights[row * m + column];
  }
  const double smaller = static_cast<double>(std::min(n, m));
  matching.mean_cosine = assignment.total / smaller;
  matching.upper_bound = bound / smaller;
  matching.certified = matching.upper_bound - matching.mean_cosine <= kCertifiedGap;
  matching.largest_a = ToVector(at::amax(similarity, {1}));
  matching.largest_b = ToVector(at::amax(similarity, {0}));
  return matching;
}

}  // namespace seedbed
