// Four elements of a row at once. Rows have PaddedWidth elements (sae/arch/kernels/rows.h) and begin at multiples of 64
// bytes.
#ifndef SEEDBED_SAE_ARCH_CUDA_ROW_VECTORS_CUH_
#define SEEDBED_SAE_ARCH_CUDA_ROW_VECTORS_CUH_

#include <cstdint>

#include "sae/arch/cuda/block_sum.cuh"

namespace seedbed {

inline constexpr int kVectorWidth = 4;
inline constexpr int kMostRowThreads = 256;

// Threads for a block that walks over rows: one a vector, in whole warps.
inline int RowThreads(int64_t width) {
  const int64_t vectors = (width / kVectorWidth + kWarp - 1) / kWarp * kWarp;
  return static_cast<int>(vectors < kMostRowThreads ? vectors : kMostRowThreads);
}

__device__ inline float4 LoadVector(const float* row, int64_t vector) {
  return reinterpret_cast<const float4*>(row)[vector];
}

__device__ inline void StoreVector(float4 value, float* row, int64_t vector) {
  reinterpret_cast<float4*>(row)[vector] = value;
}

// sum += scale * a.
__device__ inline void AddScaledVector(float4 a, float scale, float4* sum) {
  sum->x += scale * a.x;
  sum->y += scale * a.y;
  sum->z += scale * a.z;
  sum->w += scale * a.w;
}

__device__ inline float DotVector(float4 a, float4 b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }

// The dot product of two rows, by one warp; every lane gets it.
__device__ inline float WarpDot(const float* a, const float* b, int64_t width) {
  float sum = 0;
  for (int64_t v = threadIdx.x % kWarp; v < width / kVectorWidth; v += kWarp) {
    sum += DotVector(LoadVector(a, v), LoadVector(b, v));
  }
  return WarpSum(sum);
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_ROW_VECTORS_CUH_
