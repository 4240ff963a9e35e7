#include <cuda_bf16.h>

#include <cfloat>

#include "sae/arch/cuda/latent_update.h"
#include "sae/arch/cuda/row_vectors.cuh"

namespace seedbed {
namespace {

constexpr int kElementThreads = 256;

__device__ void AdamElement(const AdamUpdate& u, float gradient, float* value, float* moment1, float* moment2) {
  const float m = u.beta1 * *moment1 + u.one_minus_beta1 * gradient;
  const float v = u.beta2 * *moment2 + u.one_minus_beta2 * gradient * gradient;
  *moment1 = m;
  *moment2 = v;
  *value -= u.step_size * m / (sqrtf(v) + u.epsilon);
}

// As SignumUpdate says.
__device__ void SignumElement(const SignumUpdate& u, float gradient, float* y, float* z) {
  const float sign = static_cast<float>(gradient > 0) - static_cast<float>(gradient < 0);
  const float average = *y + (1 - 1 / u.momentum) * (*z - *y);
  const float moved = *z - u.learning_rate * sign;
  const float next_average = average + u.average_weight * (moved - average);
  *z = moved;
  *y = next_average + (1 - u.momentum) * (moved - next_average);
}

__device__ void UpdateElement(const OptimizerUpdate& update, float gradient, float* value, float* moment1,
                              float* moment2) {
  if (update.kind == OptimizerKind::kSignum) {
    SignumElement(update.signum, gradient, value, moment1);
  } else {
    AdamElement(update.adam, update.gradient_scale * gradient, value, moment1, moment2);
  }
}

__device__ void UpdateVector(const OptimizerUpdate& update, float4 gradient, float4* value, float* moment1_row,
                             float* moment2_row, int64_t vector) {
  float4 moment1 = LoadVector(moment1_row, vector);
  float4 moment2 = moment2_row == nullptr ? make_float4(0, 0, 0, 0) : LoadVector(moment2_row, vector);
  UpdateElement(update, gradient.x, &value->x, &moment1.x, &moment2.x);
  UpdateElement(update, gradient.y, &value->y, &moment1.y, &moment2.y);
  UpdateElement(update, gradient.z, &value->z, &moment1.z, &moment2.z);
  UpdateElement(update, gradient.w, &value->w, &moment1.w, &moment2.w);
  StoreVector(moment1, moment1_row, vector);
  if (moment2_row != nullptr) StoreVector(moment2, moment2_row, vector);
}

// One row of a matrix, by one block. Each thread has its own columns, so no thread waits for another one's.
class LatentRow {
 public:
  // `gradient` [width] is shared memory.
  __device__ LatentRow(const DeviceLatentMatrix& matrix, int64_t latent, float* gradient)
      : matrix_(matrix), latent_(latent), gradient_(gradient) {}

  __device__ void FindGradient() {
    for (int64_t v = threadIdx.x; v < vectors(); v += blockDim.x) {
      float4 sum = make_float4(0, 0, 0, 0);
      for (int32_t part = 0; part < matrix_.part_count; ++part) AddPart(matrix_.parts[part], v, &sum);
      StoreVector(sum, gradient_, v);
    }
    if (matrix_.unit_rows) RemoveComponentAlongRow();
  }

  __device__ double GradientSquare() const {
    double squares = 0;
    for (int64_t v = threadIdx.x; v < vectors(); v += blockDim.x) {
      const float4 own = LoadVector(gradient_, v);
      squares += DotVector(own, own);
    }
    return BlockSum(squares);
  }

  __device__ void Update(const OptimizerUpdate& update) {
    const DeviceParameter& parameter = matrix_.parameter;
    float* moment1 = parameter.moment1 + latent_ * matrix_.width;
    float* moment2 = parameter.moment2 == nullptr ? nullptr : parameter.moment2 + latent_ * matrix_.width;
    for (int64_t v = threadIdx.x; v < vectors(); v += blockDim.x) {
      float4 value = LoadVector(row(), v);
      UpdateVector(update, LoadVector(gradient_, v), &value, moment1, moment2, v);
      StoreVector(value, gradient_, v);  // Used up: the row's next value has its place.
    }
    const bool needs_norm = matrix_.unit_rows || matrix_.norms != nullptr;
    const float norm = needs_norm ? sqrtf(Dot(gradient_, gradient_)) : 1.0f;
    const float scale = matrix_.unit_rows ? 1 / (norm + FLT_EPSILON) : 1.0f;
    for (int64_t v = threadIdx.x; v < vectors(); v += blockDim.x) StoreValue(v, scale);
    if (matrix_.norms != nullptr && threadIdx.x == 0) matrix_.norms[latent_] = norm * scale;
  }

 private:
  __device__ int64_t vectors() const { return matrix_.width / kVectorWidth; }
  __device__ float* row() const { return matrix_.parameter.value + latent_ * matrix_.width; }

  __device__ void AddPart(const DeviceSparseGradient& part, int64_t vector, float4* sum) const {
    const int32_t end = part.starts[latent_ + 1];
#pragma unroll 4
    for (int32_t e = part.starts[latent_]; e < end; ++e) {
      const float* from = part.matrix + static_cast<int64_t>(part.rows[e]) * matrix_.width;
      AddScaledVector(LoadVector(from, vector), part.weights[e], sum);
    }
  }

  __device__ float Dot(const float* a, const float* b) const {
    float sum = 0;
    for (int64_t v = threadIdx.x; v < vectors(); v += blockDim.x) sum += DotVector(LoadVector(a, v), LoadVector(b, v));
    return BlockSum(sum);
  }

  // gradient -= <gradient, unit> unit, with unit = row / (|row| + epsilon).
  __device__ void RemoveComponentAlongRow() {
    const float norm = sqrtf(Dot(row(), row())) + FLT_EPSILON;
    const float along = Dot(gradient_, row()) / (norm * norm);
    for (int64_t v = threadIdx.x; v < vectors(); v += blockDim.x) {
      float4 own = LoadVector(gradient_, v);
      AddScaledVector(LoadVector(row(), v), -along, &own);
      StoreVector(own, gradient_, v);
    }
  }

  __device__ void StoreValue(int64_t vector, float scale) {
    float4 value = make_float4(0, 0, 0, 0);
    AddScaledVector(LoadVector(gradient_, vector), scale, &value);
    StoreVector(value, row(), vector);
    if (matrix_.bfloat16 == nullptr) return;
    auto* out = reinterpret_cast<__nv_bfloat162*>(matrix_.bfloat16 + latent_ * matrix_.width) + 2 * vector;
    out[0] = __floats2bfloat162_rn(value.x, value.y);
    out[1] = __floats2bfloat162_rn(value.z, value.w);
  }

  const DeviceLatentMatrix& matrix_;
  const int64_t latent_;
  float* const gradient_;
};

__global__ void UpdateKernel(OptimizerUpdate update, int64_t begin, DeviceLatentMatrix matrix) {
  extern __shared__ float4 gradient[];
  LatentRow row(matrix, begin + blockIdx.x, reinterpret_cast<float*>(gradient));
  row.FindGradient();
  row.Update(update);
}

__global__ void SquaresKernel(int64_t begin, DeviceLatentMatrix matrix, double* squares) {
  extern __shared__ float4 gradient[];
  LatentRow row(matrix, begin + blockIdx.x, reinterpret_cast<float*>(gradient));
  row.FindGradient();
  const double square = row.GradientSquare();
  if (threadIdx.x == 0) squares[blockIdx.x] = square;
}

__global__ void NormsKernel(const float* matrix, int64_t width, float* norms) {
  const float* row = matrix + blockIdx.x * width;
  float squares = 0;
  for (int64_t v = threadIdx.x; v < width / kVectorWidth; v += blockDim.x) {
    squares += DotVector(LoadVector(row, v), LoadVector(row, v));
  }
  const float norm = sqrtf(BlockSum(squares));
  if (threadIdx.x == 0) norms[blockIdx.x] = norm;
}

__global__ void ElementsKernel(OptimizerUpdate update, int64_t size, const float* gradient, DeviceParameter parameter) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  UpdateElement(update, gradient[i], parameter.value + i, parameter.moment1 + i,
                parameter.moment2 == nullptr ? nullptr : parameter.moment2 + i);
}

// Rows wider than what a block gets by itself need to ask for it.
template <typename Kernel>
size_t SharedRow(Kernel* kernel, int64_t width) {
  constexpr size_t kGiven = 48 << 10;
  const size_t bytes = static_cast<size_t>(width) * sizeof(float);
  if (bytes > kGiven) {
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  }
  return bytes;
}

}  // namespace

void UpdateLatentRows(cudaStream_t stream, const OptimizerUpdate& update, int64_t begin, int64_t end,
                      const DeviceLatentMatrix& matrix) {
  UpdateKernel<<<static_cast<unsigned>(end - begin), RowThreads(matrix.width), SharedRow(UpdateKernel, matrix.width),
                 stream>>>(update, begin, matrix);
}

void GradientSquares(cudaStream_t stream, int64_t begin, int64_t end, const DeviceLatentMatrix& matrix,
                     double* squares) {
  SquaresKernel<<<static_cast<unsigned>(end - begin), RowThreads(matrix.width), SharedRow(SquaresKernel, matrix.width),
                  stream>>>(begin, matrix, squares);
}

void RowNorms(cudaStream_t stream, const float* matrix, int64_t rows, int64_t width, float* norms) {
  NormsKernel<<<static_cast<unsigned>(rows), RowThreads(width), 0, stream>>>(matrix, width, norms);
}

void UpdateElementsOf(cudaStream_t stream, const OptimizerUpdate& update, int64_t size, const float* gradient,
                      const DeviceParameter& parameter) {
  const auto blocks = static_cast<unsigned>((size + kElementThreads - 1) / kElementThreads);
  ElementsKernel<<<blocks, kElementThreads, 0, stream>>>(update, size, gradient, parameter);
}

}  // namespace seedbed
