// Which pairs of rows and columns a bound leaves open, as a staircase.
#ifndef SEEDBED_SAE_MATCH_STAIRCASE_H_
#define SEEDBED_SAE_MATCH_STAIRCASE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace seedbed {

// A pair is open only where of_row[i] > of_column[j].
struct OpenCondition {
  std::vector<float> of_row;     // By row.
  std::vector<float> of_column;  // By column.
};

// The order of rows, those with the largest terms first, and of all columns, those with the least first, in which what
// is open lies at the beginning of every row. Ties by index.
std::vector<int32_t> SortRows(const OpenCondition& condition, const std::vector<int32_t>& rows);
std::vector<int32_t> SortColumns(const OpenCondition& condition);

// The fraction of the pairs of `rows` with all columns that are open.
double OpenFraction(const OpenCondition& condition, const std::vector<int32_t>& rows);

// Which tiles of ordered rows and columns have a pair that no condition closes, as far as the extremes of their terms
// tell. Immutable.
class OpenTiles {
 public:
  OpenTiles(absl::Span<const OpenCondition> conditions, absl::Span<const int32_t> rows,
            absl::Span<const int32_t> columns);

  // Of the tile that begins at these positions, multiples of kTileRows and kTileColumns.
  bool IsOpen(int64_t first_row, int64_t first_column) const;

 private:
  struct Extremes {
    std::vector<float> most_of_rows;      // By group of kTileRows.
    std::vector<float> least_of_columns;  // By group of kTileColumns.
  };
  std::vector<Extremes> extremes_;  // By condition.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_STAIRCASE_H_
