// What belongs to the largest activations of a batch, without the dense product: latents are ruled out row by row by an
// int8 product with a proven error bound, and what is left is computed in float32. Nothing of what is appended depends
// on what is ruled out, nor on the CPU's int8 instructions, the directions or the number of threads.
#ifndef SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_REACH_H_
#define SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_REACH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "sae/arch/kernels/batch_selection.h"
#include "sae/arch/kernels/screening/int8_kernel.h"

namespace seedbed {

// For one encoder of `latents` rows, whose weights may change between batches. Rows are as in rows.h. Not thread-safe;
// it runs on LoopThreads() threads.
class ScreenedReach {
 public:
  // width <= kMostDepth. `kernel` must be one that the CPU can run.
  ScreenedReach(int64_t latents, int64_t width, const Int8Kernel& kernel = BestInt8Kernel());
  ~ScreenedReach();

  // As ScreenedEncoder. `norms` are those of the selections to come.
  void FindDirections(const float* sample, int64_t count);
  void Prepare(const float* encoder, const float* bias, const float* norms);

  // A bound that about `kept` positive ranks of the rows [count, width] should reach, by a sample of the rows. 0 = too
  // few are positive.
  float EstimateBound(const float* rows, int64_t count, int64_t kept);

  // Appends to the selection what reaches its bound in the rows [count, width] of a whole batch: activations are the
  // dot products of DotRows with their bias. A row with too many candidates, or one of which nothing can be said (not
  // finite, or a largest magnitude outside [1e-12, 1e12]), is computed against all latents.
  void AddTo(const float* rows, int64_t count, BatchSelection* selection);

  // Float32 dot products that each row of the last AddTo needed: `latents` for one that was computed against all.
  const std::vector<int32_t>& dots() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_SCREENING_SCREENED_REACH_H_
