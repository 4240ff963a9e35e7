#include "sae/match/staircase.h"

#include <algorithm>
#include <limits>

#include "sae/match/product_sweep.h"

namespace seedbed {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

std::vector<int32_t> SortRows(const OpenCondition& condition, const std::vector<int32_t>& rows) {
  std::vector<int32_t> order = rows;
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return condition.of_row[static_cast<size_t>(a)] > condition.of_row[static_cast<size_t>(b)];
  });
  return order;
}

std::vector<int32_t> SortColumns(const OpenCondition& condition) {
  std::vector<int32_t> order(condition.of_column.size());
  for (size_t column = 0; column < order.size(); ++column) order[column] = static_cast<int32_t>(column);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return condition.of_column[static_cast<size_t>(a)] < condition.of_column[static_cast<size_t>(b)];
  });
  return order;
}

double OpenFraction(const OpenCondition& condition, const std::vector<int32_t>& rows) {
  const std::vector<int32_t> row_order = SortRows(condition, rows);
  const std::vector<int32_t> column_order = SortColumns(condition);
  double open = 0;
  size_t columns = column_order.size();  // Open to the row; the rows that follow have fewer.
  for (const int32_t row : row_order) {
    const float term = condition.of_row[static_cast<size_t>(row)];
    while (columns > 0 && condition.of_column[static_cast<size_t>(column_order[columns - 1])] >= term) --columns;
    open += static_cast<double>(columns);
  }
  return open / (static_cast<double>(rows.size()) * static_cast<double>(column_order.size()));
}

OpenTiles::OpenTiles(absl::Span<const OpenCondition> conditions, absl::Span<const int32_t> rows,
                     absl::Span<const int32_t> columns) {
  for (const OpenCondition& condition : conditions) {
    Extremes extremes;
    extremes.most_of_rows.resize((rows.size() + kTileRows - 1) / kTileRows, -kInfinity);
    extremes.least_of_columns.resize((columns.size() + kTileColumns - 1) / kTileColumns, kInfinity);
    for (size_t i = 0; i < rows.size(); ++i) {
      float& most = extremes.most_of_rows[i / kTileRows];
      most = std::max(most, condition.of_row[static_cast<size_t>(rows[i])]);
    }
    for (size_t j = 0; j < columns.size(); ++j) {
      float& least = extremes.least_of_columns[j / kTileColumns];
      least = std::min(least, condition.of_column[static_cast<size_t>(columns[j])]);
    }
    extremes_.push_back(std::move(extremes));
  }
}

bool OpenTiles::IsOpen(int64_t first_row, int64_t first_column) const {
  const auto row = static_cast<size_t>(first_row / kTileRows);
  const auto column = static_cast<size_t>(first_column / kTileColumns);
  return std::all_of(extremes_.begin(), extremes_.end(), [&](const Extremes& extremes) {
    return extremes.most_of_rows[row] > extremes.least_of_columns[column];
  });
}

}  // namespace seedbed
