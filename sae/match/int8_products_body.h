// The int8 products for vectors of any width; int8_products_*.cc instantiate it, each with its own compiler flags.
#ifndef SEEDBED_SAE_MATCH_INT8_PRODUCTS_BODY_H_
#define SEEDBED_SAE_MATCH_INT8_PRODUCTS_BODY_H_

#include <cstdint>

#include "sae/match/int8_products.h"

namespace seedbed {

// Isa: its vectors and what it can do with them. kRows x kVectors sums are in registers at once, for which the loops
// over them have to be unrolled before the compiler decides what is in memory.
template <typename Isa, int kRows, int kVectors>
class Int8TileProduct {
 public:
  static constexpr int64_t kColumns = kVectors * Isa::kLanes;

  static void Multiply(const Int8Tile& tile) {
    typename Isa::Ints sums[kRows][kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[i][v] = Isa::Broadcast(tile.row_starts[i]);
    }
    const uint8_t* panel = tile.panel;
    for (int64_t q = 0; q < tile.depth; q += 4, panel += 4 * kColumns) {
      typename Isa::Bytes columns[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) columns[v] = Isa::LoadBytes(panel + 4 * v * Isa::kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const auto row = Isa::BroadcastFour(tile.rows + i * tile.depth + q);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sums[i][v] = Isa::AddProducts(sums[i][v], columns[v], row);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const int lane = v * Isa::kLanes;
        Isa::StoreScaled(tile.out + i * tile.out_stride + lane, sums[i][v], tile.row_scales[i],
                         tile.panel_scales + lane);
      }
    }
  }
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_INT8_PRODUCTS_BODY_H_
