#include "sae/arch/cuda/device_memory.h"

#include "ATen/ops/empty.h"

namespace seedbed {

at::Tensor DeviceBytes(int64_t bytes, at::Device device) {
  return at::empty({bytes}, at::TensorOptions(at::kByte).device(device));
}

}  // namespace seedbed
