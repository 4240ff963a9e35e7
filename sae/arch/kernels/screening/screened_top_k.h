// The k largest activations of every row without the dense product: latents are ruled out by an int8 product with a
// proven error bound, and what is left is computed in float32. Nothing of the result depends on what is ruled out, nor
// on the CPU's int8 instructions, the directions or the number of threads.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_TOP_K_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_TOP_K_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "sae/arch/kernels/screening/int8_kernel.h"

namespace seedbed {

// Where the selection of some rows goes, k places a row, as SelectTopK writes them.
struct SelectedRows {
  uint32_t* latents;  // [rows, k]
  float* values;      // [rows, k]
  int32_t* counts;    // [rows]: of positive activations.
};

// For one encoder of `latents` rows, whose weights may change between selections. Rows are as in rows.h. One selection
// at a time; it runs on LoopThreads() threads.
class ScreenedTopK {
 public:
  // 1 <= k <= latents; width <= kMostDepth. `kernel` must be one that the CPU can run.
  ScreenedTopK(int64_t latents, int64_t width, int64_t k, const Int8Kernel& kernel = BestInt8Kernel());
  ~ScreenedTopK();

  // As ScreenedEncoder.
  void FindDirections(const float* sample, int64_t count);
  void Prepare(const float* encoder, const float* bias, const float* norms);

  // For each of the rows [count, width] what SelectTopK gives for the ranks of the pre-activations that DotRows gives
  // for all latents, bit by bit, with the activations in place of their ranks. A row with too many candidates, or one
  // of which nothing can be said (not finite, or a largest magnitude outside [1e-12, 1e12]), is computed against all
  // latents.
  void SelectRows(const float* rows, int64_t count, const SelectedRows& selected);

  // Float32 dot products that each row of the last SelectRows needed: `latents` for one that was computed against all.
  const std::vector<int32_t>& dots() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_TOP_K_H_
