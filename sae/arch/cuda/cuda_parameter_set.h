// Every parameter of an SAE as the GPU's kernels hold it.
#ifndef SEEDBED_SAE_ARCH_CUDA_CUDA_PARAMETER_SET_H_
#define SEEDBED_SAE_ARCH_CUDA_CUDA_PARAMETER_SET_H_

#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/arch/cuda/cuda_parameter.h"
#include "sae/checkpoint/sae_tensors.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/train/optimizer_options.h"

namespace seedbed {

// Those of `initial` that are defined. Not thread-safe.
class CudaParameterSet {
 public:
  using Field = at::Tensor SaeTensors::*;

  CudaParameterSet(const SaeTensors& initial, const OptimizerOptions& options, at::Device device);

  // nullptr: there is none. Stays where it is as long as the set.
  CudaParameter* Find(Field field);
  // There is one.
  CudaParameter& Get(Field field) { return *Find(field); }

  // As SaeEngine's functions of these names.
  SaeTensors Values() const;
  SaeTensors Averaged() const;

  // Of every parameter, under its name.
  StateTensors State() const;

 private:
  const OptimizerOptions options_;
  std::vector<std::pair<Field, CudaParameter>> parameters_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_CUDA_PARAMETER_SET_H_
