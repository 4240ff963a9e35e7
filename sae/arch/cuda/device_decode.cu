#include "sae/arch/cuda/device_decode.h"
#include "sae/arch/cuda/row_vectors.cuh"

namespace seedbed {
namespace {

constexpr int kSumThreads = 256;

struct Sum {
  __device__ double operator()(double a, double b) const { return a + b; }
};
struct Smaller {
  __device__ double operator()(double a, double b) const { return a < b ? a : b; }
};

// One row of a pass, by one block. Each thread has its own columns.
class RowDecoder {
 public:
  __device__ explicit RowDecoder(const DeviceDecodePass& pass)
      : pass_(pass),
        row_(blockIdx.x),
        start_(pass.entries.starts[row_]),
        count_(pass.entries.counts[row_]),
        scale_(*pass.loss_scale) {}

  __device__ void Decode() {
    FindErrors();
    for (int group = pass_.groups - 1; group >= 0; --group) ScaleError(group);
    if (pass_.input_norms != nullptr) {
      __syncthreads();  // Every thread reads whole rows of the gradient.
      FindActivationGradients();
    }
    SumActivations();
    if (threadIdx.x == 0) pass_.row_sums[row_] = sums_;
  }

 private:
  __device__ float* GradientOf(int group) const {
    return pass_.gradient + (group * pass_.entries.rows + row_) * pass_.width;
  }

  __device__ int32_t LatentOf(int32_t entry) const { return pass_.entries.latents[start_ + entry]; }

  __device__ const float* DecoderRow(int32_t entry) const {
    return pass_.decoder + static_cast<int64_t>(LatentOf(entry)) * pass_.width;
  }

  // The first entry from `begin` on that lies beyond the group.
  __device__ int32_t EndOf(int group, int32_t begin) const {
    if (group + 1 == pass_.groups) return count_;
    int32_t end = count_;
    while (begin < end) {
      const int32_t middle = begin + (end - begin) / 2;
      if (LatentOf(middle) < pass_.group_ends[group]) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    return begin;
  }

  // gradient of `group` = x_hat_g - target, from that of the group before. Returns the square of the thread's columns.
  __device__ float FindError(int group, int32_t begin, int32_t end) {
    const float target_scale = pass_.target_scale == nullptr ? 1.0f : *pass_.target_scale;
    float squares = 0;
    for (int64_t v = threadIdx.x; v < pass_.width / kVectorWidth; v += blockDim.x) {
      float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 4
      for (int32_t e = begin; e < end; ++e) {
        AddScaledVector(LoadVector(DecoderRow(e), v), pass_.entries.values[start_ + e], &sum);
      }
      if (group == 0) {
        AddScaledVector(LoadVector(pass_.target + row_ * pass_.width, v), -target_scale, &sum);
      } else {
        AddScaledVector(LoadVector(GradientOf(group - 1), v), 1.0f, &sum);
      }
      StoreVector(sum, GradientOf(group), v);
      squares += DotVector(sum, sum);
    }
    return squares;
  }

  __device__ void FindErrors() {
    double magnitude = 0;  // Of dL/dx_hat, summed over all groups: at least what later groups have alone.
    int32_t done = 0;
    for (int group = 0; group < pass_.groups; ++group) {
      const int32_t end = EndOf(group, done);
      const float squares = BlockSum(FindError(group, done, end));
      done = end;
      magnitude += scale_ * sqrtf(squares);
      sums_.squared_errors += squares;
      if (group + 1 == pass_.groups) sums_.squared_error = squares;
    }
    double activations = 0;
    for (int32_t e = threadIdx.x; e < count_; e += blockDim.x) activations += fabsf(pass_.entries.values[start_ + e]);
    sums_.decoder_bound = magnitude * BlockSum(activations);
  }

  // gradient of `group` = loss_scale error + the gradient of the group after it.
  __device__ void ScaleError(int group) {
    for (int64_t v = threadIdx.x; v < pass_.width / kVectorWidth; v += blockDim.x) {
      float4 sum = group + 1 < pass_.groups ? LoadVector(GradientOf(group + 1), v) : make_float4(0, 0, 0, 0);
      AddScaledVector(LoadVector(GradientOf(group), v), scale_, &sum);
      StoreVector(sum, GradientOf(group), v);
    }
  }

  __device__ void FindActivationGradients() {
    const int warps = blockDim.x / kWarp;
    double magnitudes = 0;
    for (int32_t e = threadIdx.x / kWarp; e < count_; e += warps) {
      int group = 0;
      while (group + 1 < pass_.groups && LatentOf(e) >= pass_.group_ends[group]) ++group;
      const float gradient = WarpDot(GradientOf(group), DecoderRow(e), pass_.width);
      if (threadIdx.x % kWarp != 0) continue;
      pass_.entries.gradients[start_ + e] = gradient;
      magnitudes += fabsf(gradient);
    }
    sums_.encoder_bound = BlockSum(magnitudes) * pass_.input_norms[row_];
  }

  __device__ void SumActivations() {
    sums_.active = count_;
    double smallest = INFINITY;
    for (int32_t e = threadIdx.x; e < count_; e += blockDim.x) {
      const float value = pass_.entries.values[start_ + e];
      const float norm = pass_.latent_norms == nullptr ? 1.0f : pass_.latent_norms[LatentOf(e)];
      if (value > 0) smallest = Smaller()(smallest, value * norm);
    }
    sums_.smallest_rank = BlockSmallest(smallest);
  }

  __device__ static double BlockSmallest(double value) {
    __shared__ double smallest[kMostWarps];
    for (int offset = kWarp / 2; offset > 0; offset /= 2) {
      value = Smaller()(value, __shfl_xor_sync(kAllLanes, value, offset));
    }
    if (threadIdx.x % kWarp == 0) smallest[threadIdx.x / kWarp] = value;
    __syncthreads();
    for (unsigned warp = 0; warp < blockDim.x / kWarp; ++warp) value = Smaller()(value, smallest[warp]);
    return value;
  }

  const DeviceDecodePass& pass_;
  const int64_t row_;
  const int32_t start_;
  const int32_t count_;
  const float scale_;
  DeviceDecodeSums sums_;
};

__global__ void DecodeKernel(DeviceDecodePass pass) { RowDecoder(pass).Decode(); }

// Over all rows, by one block in one fixed order.
template <typename Combine>
__device__ double CombineRows(const DeviceDecodePass& pass, double DeviceDecodeSums::*field, double first) {
  __shared__ double values[kSumThreads];
  const Combine combine;
  double own = first;
  for (int64_t row = threadIdx.x; row < pass.entries.rows; row += kSumThreads) {
    own = combine(own, pass.row_sums[row].*field);
  }
  __syncthreads();  // The values of the call before have been read.
  values[threadIdx.x] = own;
  __syncthreads();
  for (int half = kSumThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) values[threadIdx.x] = combine(values[threadIdx.x], values[threadIdx.x + half]);
    __syncthreads();
  }
  return values[0];
}

__global__ void CombineKernel(DeviceDecodePass pass) {
  DeviceDecodeSums sums;
  sums.squared_error = CombineRows<Sum>(pass, &DeviceDecodeSums::squared_error, 0);
  sums.squared_errors = CombineRows<Sum>(pass, &DeviceDecodeSums::squared_errors, 0);
  sums.active = CombineRows<Sum>(pass, &DeviceDecodeSums::active, 0);
  sums.decoder_bound = CombineRows<Sum>(pass, &DeviceDecodeSums::decoder_bound, 0);
  sums.encoder_bound = CombineRows<Sum>(pass, &DeviceDecodeSums::encoder_bound, 0);
  sums.smallest_rank = CombineRows<Smaller>(pass, &DeviceDecodeSums::smallest_rank, INFINITY);
  if (threadIdx.x == 0) *pass.sums = sums;
}

}  // namespace

void DecodeRows(cudaStream_t stream, const DeviceDecodePass& pass) {
  DecodeKernel<<<static_cast<unsigned>(pass.entries.rows), RowThreads(pass.width), 0, stream>>>(pass);
  CombineKernel<<<1, kSumThreads, 0, stream>>>(pass);
}

}  // namespace seedbed
