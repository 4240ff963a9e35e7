// The int8 products of chosen rows with chosen columns, tile by tile: the matrix of them never exists.
#ifndef SEEDBED_SAE_MATCH_PRODUCT_SWEEP_H_
#define SEEDBED_SAE_MATCH_PRODUCT_SWEEP_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "sae/match/quantised_rows.h"

namespace seedbed {

// What is computed or left out at once, whatever computes it: tiles begin at multiples of these positions.
inline constexpr int64_t kTileRows = 8;
inline constexpr int64_t kTileColumns = 48;
// Columns that a sweep deals with before it goes on to the next ones: a multiple of kTileColumns.
inline constexpr int64_t kChunkColumns = 4032;

// Positions are indices into what was chosen.
struct ProductTile {
  int64_t first_row = 0;
  int64_t rows = 0;  // <= kTileRows
  int64_t first_column = 0;
  int64_t columns = 0;              // <= kTileColumns
  const float* products = nullptr;  // [kTileRows, kTileColumns]; what is beyond rows and columns means nothing.
  int thread = 0;                   // In [0, LoopThreads()).
};

struct ChosenRows {
  const QuantisedRows& quantised;
  absl::Span<const int32_t> indices;
};

struct SweepVisitor {
  // Whether a tile has to be computed. Called from many threads.
  absl::FunctionRef<bool(int64_t first_row, int64_t first_column)> wanted;
  // Called from many threads. All tiles of a row within a chunk come from one thread, in the order of columns.
  absl::FunctionRef<void(const ProductTile& tile)> visit;
  // Called from one thread after all tiles of columns [first, first + count) were visited.
  absl::FunctionRef<void(int64_t first_column, int64_t count)> finish_chunk;
};

// product(i, j) = <row i, column j> (row scale column scale): the sum is exact, the conversion and the two
// multiplications are float32. So the products are the same bits whatever computes them. Stateless between runs.
class ProductSweep {
 public:
  virtual ~ProductSweep() = default;

  // Goes through the columns chunk by chunk, in their order. There is at least one row and one column.
  virtual void Run(const ChosenRows& rows, const ChosenRows& columns, const SweepVisitor& visitor) const = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_PRODUCT_SWEEP_H_
