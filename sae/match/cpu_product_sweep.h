// The sweep of products by one of the CPU's kernels, on all cores.
#ifndef SEEDBED_SAE_MATCH_CPU_PRODUCT_SWEEP_H_
#define SEEDBED_SAE_MATCH_CPU_PRODUCT_SWEEP_H_

#include "sae/match/int8_products.h"
#include "sae/match/product_sweep.h"

namespace seedbed {

// Uses LoopThreads() threads, with one chunk of packed columns for all of them.
class CpuProductSweep : public ProductSweep {
 public:
  // The kernel must outlive it; without one it is the fastest that the CPU has.
  CpuProductSweep() : CpuProductSweep(*SupportedProducts()[0]) {}
  explicit CpuProductSweep(const Int8Products& kernel) : kernel_(kernel) {}

  void Run(const ChosenRows& rows, const ChosenRows& columns, const SweepVisitor& visitor) const override;

 private:
  const Int8Products& kernel_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_CPU_PRODUCT_SWEEP_H_
