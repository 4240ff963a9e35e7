// Sums over the threads of a block, in one fixed order.
#ifndef SEEDBED_SAE_ARCH_CUDA_BLOCK_SUM_CUH_
#define SEEDBED_SAE_ARCH_CUDA_BLOCK_SUM_CUH_

#include <cstdint>

namespace seedbed {

inline constexpr int kWarp = 32;
inline constexpr int kMostWarps = 1024 / kWarp;
inline constexpr unsigned kAllLanes = 0xffffffffu;

// Every lane gets the warp's sum.
template <typename T>
__device__ T WarpSum(T value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

// Every thread gets the block's sum. Whole warps; all threads must call it.
template <typename T>
__device__ T BlockSum(T value) {
  __shared__ T warp_sums[kMostWarps];
  value = WarpSum(value);
  __syncthreads();  // The sums of the call before have been read.
  if (threadIdx.x % kWarp == 0) warp_sums[threadIdx.x / kWarp] = value;
  __syncthreads();
  T sum = 0;
  for (unsigned warp = 0; warp < blockDim.x / kWarp; ++warp) sum += warp_sums[warp];
  return sum;
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_BLOCK_SUM_CUH_
