// The int8 kernel for vectors of any width; int8_kernel_*.cc instantiate it, each with its own compiler flags.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_INT8_KERNEL_BODY_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_INT8_KERNEL_BODY_H_

#include <cstdint>

#include "sae/arch/kernels/screening/int8_kernel.h"

namespace seedbed {

// Isa: its vectors and what it can do with them. kRows x kVectors sums are in registers at once, for which the loops
// over them have to be unrolled before the compiler decides what is in memory.
template <typename Isa, int kRows, int kVectors>
class Int8Product {
 public:
  static constexpr int64_t kLatents = kVectors * Isa::kLanes;

  static void UpperBounds(const ScreeningTile& tile) {
    typename Isa::Ints products[kRows][kVectors];
    Products(tile, products);
    typename Isa::Floats sums[kRows][kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const auto row_scale = Isa::Broadcast(tile.row_scales[i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sums[i][v] = Isa::ToFloats(products[i][v]) * (row_scale * Isa::Load(tile.panel_scales + v * Isa::kLanes));
      }
    }
    AddTerms(tile, sums);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) Isa::Store(tile.out + i * tile.out_stride + v * Isa::kLanes, sums[i][v]);
    }
  }

 private:
  static void Products(const ScreeningTile& tile, typename Isa::Ints (&products)[kRows][kVectors]) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) products[i][v] = Isa::Broadcast(tile.row_starts[i]);
    }
    const uint8_t* weights = tile.panel;
    for (int64_t q = 0; q < tile.depth; q += 4, weights += 4 * kLatents) {
      typename Isa::Bytes columns[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) columns[v] = Isa::LoadBytes(weights + 4 * v * Isa::kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const auto row = Isa::BroadcastFour(tile.rows + i * tile.depth + q);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) products[i][v] = Isa::AddProducts(products[i][v], columns[v], row);
      }
    }
  }

  static void AddTerms(const ScreeningTile& tile, typename Isa::Floats (&sums)[kRows][kVectors]) {
    const float* columns = tile.panel_terms;
    for (int64_t p = 0; p < tile.terms; ++p, columns += kLatents) {
      typename Isa::Floats factors[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) factors[v] = Isa::Load(columns + v * Isa::kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const auto row = Isa::Broadcast(tile.row_terms[i * tile.terms + p]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sums[i][v] = Isa::MultiplyAdd(row, factors[v], sums[i][v]);
      }
    }
  }
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_INT8_KERNEL_BODY_H_
