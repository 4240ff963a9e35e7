// Memory of a GPU that grows with the batches and is kept.
#ifndef SEEDBED_SAE_ARCH_CUDA_DEVICE_MEMORY_H_
#define SEEDBED_SAE_ARCH_CUDA_DEVICE_MEMORY_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace seedbed {

// An array of T. Not thread-safe. c10::Error where there is no memory.
template <typename T>
class DeviceArray {
 public:
  // At least `count` elements; what they hold is lost where there were fewer.
  void Reserve(int64_t count, at::Device device);
  T* data() const { return static_cast<T*>(bytes_.defined() ? bytes_.mutable_data_ptr() : nullptr); }

 private:
  at::Tensor bytes_;
};

// Uninitialised bytes on `device`.
at::Tensor DeviceBytes(int64_t bytes, at::Device device);

template <typename T>
void DeviceArray<T>::Reserve(int64_t count, at::Device device) {
  const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
  if (bytes_.defined() && bytes_.numel() >= bytes) return;
  bytes_ = at::Tensor();  // Before there are both.
  bytes_ = DeviceBytes(bytes, device);
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_DEVICE_MEMORY_H_
