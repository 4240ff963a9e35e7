// The sweep of products by a GPU, as integers: the tiles that the CPU's kernels compute, to the bit.
#ifndef SEEDBED_SAE_MATCH_DEVICE_PRODUCT_SWEEP_H_
#define SEEDBED_SAE_MATCH_DEVICE_PRODUCT_SWEEP_H_

#include "c10/core/Device.h"
#include "sae/match/product_sweep.h"

namespace seedbed {

// The device multiplies blocks of rows with a chunk of columns into int32, which is exact, by LibTorch's int8 product
// (cuBLASLt on GPUs), and the host scales and visits one block on LoopThreads() threads while the next one is
// multiplied and copied. The device holds the chosen rows in int8, one chunk of columns and two blocks of products.
// On the CPU it is there for tests.
//
// c10::Error where the device has no memory or fails.
class DeviceProductSweep : public ProductSweep {
 public:
  explicit DeviceProductSweep(c10::Device device) : device_(device) {}

  void Run(const ChosenRows& rows, const ChosenRows& columns, const SweepVisitor& visitor) const override;

 private:
  const c10::Device device_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_DEVICE_PRODUCT_SWEEP_H_
