// A parameter as the GPU's kernels hold it.
#ifndef SEEDBED_SAE_ARCH_CUDA_CUDA_PARAMETER_H_
#define SEEDBED_SAE_ARCH_CUDA_CUDA_PARAMETER_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cuda/latent_update.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/train/optimizer_options.h"

namespace seedbed {

// As Parameter of the CPU's engines (sae/arch/cpu/parameter.h), on a GPU: a float32 matrix [rows, d] stored with
// PaddedWidth(d) columns, or a vector [d] stored with PaddedWidth(d) elements, with its optimiser's state. Padding
// stays 0. Not thread-safe.
class CudaParameter {
 public:
  // A copy of `initial`, which may lie anywhere.
  CudaParameter(const at::Tensor& initial, OptimizerKind kind, at::Device device);

  // Without padding, in the memory that is trained.
  at::Tensor value() const { return value_.narrow(-1, 0, columns_); }
  // What the optimiser recommends to use: of Adam the value, of Signum a tensor of its own.
  at::Tensor Averaged(const OptimizerOptions& options) const;

  // Before the first step: also the optimiser's state is that of a parameter that starts from `value`.
  void Set(const at::Tensor& value);

  // Value and moments, without padding.
  StateTensors State() const;

  int64_t width() const { return value_.size(-1); }
  int64_t size() const { return value_.numel(); }
  float* data() const { return value_.mutable_data_ptr<float>(); }
  DeviceParameter pointers() const;

 private:
  const int64_t columns_;
  at::Tensor value_;
  at::Tensor moment1_;
  at::Tensor moment2_;  // Undefined with Signum.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_CUDA_PARAMETER_H_
