// Exact int8 products of some rows with a panel of columns, scaled in float32. Every kind gives the same bits.
#ifndef SEEDBED_SAE_MATCH_INT8_PRODUCTS_H_
#define SEEDBED_SAE_MATCH_INT8_PRODUCTS_H_

#include <cstdint>

#include "absl/types/span.h"

namespace seedbed {

// Some rows with one panel of columns:
//   out[i, j] = (row_starts[i] + <rows[i], panel[j]>) (row_scales[i] panel_scales[j])
// The sum is exact; the two multiplications and the conversion are float32.
struct Int8Tile {
  const int8_t* rows;         // [Int8Products::rows, depth], in [-127, 127].
  const float* row_scales;    // [Int8Products::rows]
  const int32_t* row_starts;  // [Int8Products::rows]
  const uint8_t* panel;       // [depth / 4, Int8Products::columns, 4]: values in [-127, 127] plus the offset.
  const float* panel_scales;  // [Int8Products::columns]
  int64_t depth;              // A multiple of 4, at most 2^16, so that no sum exceeds an int32.
  float* out;                 // [Int8Products::rows, Int8Products::columns]
  int64_t out_stride;
};

// One for each kind of CPU. All have the full range of int8 on both sides: what is a candidate must not depend on the
// CPU.
struct Int8Products {
  const char* name = nullptr;
  int64_t rows = 0;     // In a tile.
  int64_t columns = 0;  // In a panel.
  // Where not 0: the panel's bytes have no sign, and row_starts must take the offset times the row's sum off again.
  int32_t offset = 0;
  void (*multiply)(const Int8Tile& tile) = nullptr;
};

extern const Int8Products kProductsPortable;
extern const Int8Products kProductsAvx2;
extern const Int8Products kProductsAvx512Vnni;  // Where the CPU has it.

// Those that this CPU has, the fastest first. Never empty.
absl::Span<const Int8Products* const> SupportedProducts();

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_INT8_PRODUCTS_H_
