// Tests that need a GPU, and its memory.
#ifndef SEEDBED_TESTS_SAE_ARCH_CUDA_GPU_TEST_H_
#define SEEDBED_TESTS_SAE_ARCH_CUDA_GPU_TEST_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "ATen/Context.h"
#include "ATen/core/Tensor.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "ATen/ops/empty.h"
#include "gtest/gtest.h"

namespace seedbed {

inline at::Device Gpu() { return {at::kCUDA, 0}; }

// Skips where there is no GPU.
template <typename Base>
class GpuTestOf : public Base {
 protected:
  void SetUp() override {
    if (!at::hasCUDA() || at::detail::getCUDAHooks().deviceCount() == 0) GTEST_SKIP() << "no GPU is usable here";
  }
};

using GpuTest = GpuTestOf<testing::Test>;

// An array in the GPU's memory. Copies wait for all that was queued on the default stream.
template <typename T>
class GpuArray {
 public:
  explicit GpuArray(int64_t count) : GpuArray(std::vector<T>(static_cast<size_t>(count))) {}
  explicit GpuArray(const std::vector<T>& values) {
    const at::Tensor bytes = at::empty({static_cast<int64_t>(values.size() * sizeof(T))}, at::kByte);
    std::memcpy(bytes.mutable_data_ptr(), values.data(), values.size() * sizeof(T));
    bytes_ = bytes.to(Gpu());
  }

  T* data() const { return static_cast<T*>(bytes_.mutable_data_ptr()); }

  std::vector<T> Read() const {
    const at::Tensor bytes = bytes_.cpu();
    std::vector<T> values(static_cast<size_t>(bytes.numel()) / sizeof(T));
    std::memcpy(values.data(), bytes.const_data_ptr(), values.size() * sizeof(T));
    return values;
  }

 private:
  at::Tensor bytes_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_ARCH_CUDA_GPU_TEST_H_
