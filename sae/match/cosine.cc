#include "sae/match/cosine.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "c10/util/Exception.h"
#include "common/status.h"
#include "sae/match/unit_rows.h"

namespace seedbed {
namespace {

constexpr double kCertifiedGap = 1e-9;
constexpr int64_t kMostRows = int64_t{1} << 24;
constexpr int64_t kMostColumns = int64_t{1} << 16;

std::string ShapeText(const at::Tensor& tensor) {
  std::string text = "[";
  for (int64_t i = 0; i < tensor.dim(); ++i) absl::StrAppend(&text, i > 0 ? ", " : "", tensor.size(i));
  return text + "]";
}

bool IsMatrixWithinLimits(const at::Tensor& tensor) {
  return tensor.dim() == 2 && tensor.size(0) >= 1 && tensor.size(0) <= kMostRows && tensor.size(1) >= 1 &&
         tensor.size(1) <= kMostColumns;
}

absl::Status CheckShapes(const at::Tensor& a, const at::Tensor& b) {
  if (IsMatrixWithinLimits(a) && IsMatrixWithinLimits(b) && a.size(1) == b.size(1)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("can't match rows of shape ", ShapeText(a), " to rows of shape ",
                                                 ShapeText(b), ": [n, d] and [m, d] with n, m in 1..", kMostRows,
                                                 " and d in 1..", kMostColumns, " are needed"));
}

// Its rows, which live as long as it.
absl::StatusOr<UnitRows> RowsOf(const at::Tensor& tensor, absl::string_view side) {
  return UnitRows::Of(tensor.const_data_ptr<float>(), tensor.size(0), tensor.size(1), side);
}

int64_t CountZeroRows(const UnitRows& rows) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows.rows(); ++i) count += rows.is_zero(i) ? 1 : 0;
  return count;
}

// The matching of `rows` to `columns`, which are no fewer.
Matching FromEngine(ExactMatching found) {
  Matching matching;
  matching.counterpart.assign(found.column_of_row.begin(), found.column_of_row.end());
  matching.cosine = std::move(found.cosines);
  const auto rows = static_cast<double>(matching.counterpart.size());
  matching.mean_cosine = found.total / rows;
  matching.upper_bound = found.upper_bound / rows;
  matching.certified = found.certified && matching.upper_bound - matching.mean_cosine <= kCertifiedGap;
  matching.rounds = found.rounds;
  matching.largest_a = std::move(found.largest.of_row);
  matching.largest_b = std::move(found.largest.of_column);
  matching.largest_proven = found.largest.proven;
  return matching;
}

// The same pairs seen from the other side, which has more rows.
Matching Swapped(Matching matching) {
  const size_t rows = matching.largest_b.size();
  const std::vector<int64_t> counterpart = std::exchange(matching.counterpart, std::vector<int64_t>(rows, -1));
  const std::vector<double> cosine = std::exchange(matching.cosine, std::vector<double>(rows, 0));
  for (size_t i = 0; i < counterpart.size(); ++i) {
    const auto row = static_cast<size_t>(counterpart[i]);
    matching.counterpart[row] = static_cast<int64_t>(i);
    matching.cosine[row] = cosine[i];
  }
  std::swap(matching.largest_a, matching.largest_b);
  return matching;
}

absl::StatusOr<Matching> MatchOrFail(const UnitRows& rows, const UnitRows& columns,
                                     const ExactMatchingOptions& options) {
  try {
    return FromEngine(MatchExactly(rows, columns, options));
  } catch (const c10::Error& error) {  // What LibTorch says of a device.
    const std::vector<std::string> lines = absl::StrSplit(error.what_without_backtrace(), absl::MaxSplits('\n', 1));
    return absl::UnavailableError(absl::StrCat("the device failed: ", lines[0]));
  }
}

}  // namespace

absl::StatusOr<Matching> MatchRows(const at::Tensor& a, const at::Tensor& b, const MatchOptions& options) {
  RETURN_IF_ERROR(CheckShapes(a, b));
  const double start = options.seconds ? options.seconds() : 0;
  const at::Tensor values_a = a.to(at::kFloat).contiguous();
  const at::Tensor values_b = b.to(at::kFloat).contiguous();
  ASSIGN_OR_RETURN(const UnitRows rows_a, RowsOf(values_a, "first"));
  ASSIGN_OR_RETURN(const UnitRows rows_b, RowsOf(values_b, "second"));
  const bool is_swapped = rows_a.rows() > rows_b.rows();
  ASSIGN_OR_RETURN(Matching matching, is_swapped ? MatchOrFail(rows_b, rows_a, options.engine)
                                                 : MatchOrFail(rows_a, rows_b, options.engine));
  if (is_swapped) matching = Swapped(std::move(matching));
  matching.zero_rows_a = CountZeroRows(rows_a);
  matching.zero_rows_b = CountZeroRows(rows_b);
  matching.seconds = options.seconds ? options.seconds() - start : 0;
  return matching;
}

}  // namespace seedbed
