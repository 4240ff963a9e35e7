// Upper bounds of pre-activations, from int8 copies of rows and weights and a few float32 terms. Knows no LibTorch.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_INT8_KERNEL_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_INT8_KERNEL_H_

#include <cstdint>

namespace seedbed {

// Some rows against one panel of latents:
//   out[i, j] = row_scales[i] panel_scales[j] (row_starts[i] + <rows[i], panel[j]>) + <row_terms[i], panel_terms[j]>
// The int8 product is exact; it may not exceed an int32, for which depth <= kMostDepth suffices. The rest is float32: a
// product, and one fused multiply-add a term, in the order of the terms.
struct ScreeningTile {
  const int8_t* rows;         // [Int8Kernel::rows, depth], in [-127, 127].
  const float* row_scales;    // [Int8Kernel::rows]
  const int32_t* row_starts;  // [Int8Kernel::rows]
  const float* row_terms;     // [Int8Kernel::rows, terms]
  const uint8_t* panel;       // [depth / 4, Int8Kernel::latents, 4], in [0, 2 weight_levels + 1].
  const float* panel_scales;  // [Int8Kernel::latents]
  const float* panel_terms;   // [terms, Int8Kernel::latents]
  int64_t depth;              // A multiple of 4.
  int64_t terms;
  float* out;  // [Int8Kernel::rows, Int8Kernel::latents]
  int64_t out_stride;
};

inline constexpr int64_t kMostDepth = 1 << 16;

// One for each kind of CPU.
struct Int8Kernel {
  int64_t rows = 0;     // In a tile.
  int64_t latents = 0;  // In a panel; a multiple of 8.
  // Weights are quantised to [-weight_levels, weight_levels] and stored with weight_levels + 1 on top. With AVX2 alone
  // they have seven bits: vpmaddubsw adds two products in 16 bits, and saturates where they need more.
  int32_t weight_levels = 0;
  void (*upper_bounds)(const ScreeningTile& tile) = nullptr;

  int32_t weight_offset() const { return weight_levels + 1; }
};

// Chosen by what the CPU has: AVX-512 with VNNI, or AVX2.
const Int8Kernel& BestInt8Kernel();
bool HasAvx512Vnni();

extern const Int8Kernel kInt8Avx2;
extern const Int8Kernel kInt8Avx512Vnni;  // Where HasAvx512Vnni().

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_INT8_KERNEL_H_
