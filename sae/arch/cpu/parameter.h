// A parameter as the kernels hold it.
#ifndef SEEDBED_SAE_ARCH_CPU_PARAMETER_H_
#define SEEDBED_SAE_ARCH_CPU_PARAMETER_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/kernels/parameter_rows.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/train/optimizer_options.h"
#include "sae/train/optimizer_update.h"

namespace seedbed {

// A float32 tensor's memory.
float* Data(const at::Tensor& tensor);

// A float32 matrix [rows, d] or vector [d] with its optimiser's state. A matrix is stored with PaddedWidth(d) columns,
// a vector with PaddedWidth(d) elements (kernels/rows.h); padding stays 0. Not thread-safe.
class Parameter {
 public:
  // A copy of `initial`.
  Parameter(const at::Tensor& initial, OptimizerKind kind);

  // Without padding, in the memory that is trained.
  at::Tensor value() const { return value_.narrow(-1, 0, columns_); }
  // With padding.
  const at::Tensor& padded() const { return value_; }
  // What the optimiser recommends to use: of Adam the value, of Signum a tensor of its own.
  at::Tensor Averaged(const OptimizerOptions& options) const;

  // Before the first step: also the optimiser's state is that of a parameter that starts from `value`.
  void Set(const at::Tensor& value);

  // Value and moments, without padding.
  StateTensors State() const;

  int64_t width() const { return value_.size(-1); }
  const float* data() const { return value_.const_data_ptr<float>(); }
  ParameterRows rows() const;

  // One step of all elements, for parameters without a row for each latent. `gradient` is padded as the value is, and
  // used up.
  void Update(const OptimizerUpdate& update, const at::Tensor& gradient);

 private:
  const int64_t columns_;
  at::Tensor value_;
  at::Tensor moment1_;
  at::Tensor moment2_;  // Undefined with Signum.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_PARAMETER_H_
