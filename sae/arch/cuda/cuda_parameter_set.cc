#include "sae/arch/cuda/cuda_parameter_set.h"

#include <algorithm>

namespace seedbed {

CudaParameterSet::CudaParameterSet(const SaeTensors& initial, const OptimizerOptions& options, at::Device device)
    : options_(options) {
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& tensor = initial.*field.member;
    if (tensor.defined()) parameters_.emplace_back(field.member, CudaParameter(tensor, options.kind, device));
  }
}

CudaParameter* CudaParameterSet::Find(Field field) {
  const auto found =
      std::find_if(parameters_.begin(), parameters_.end(), [field](const auto& named) { return named.first == field; });
  return found == parameters_.end() ? nullptr : &found->second;
}

SaeTensors CudaParameterSet::Values() const {
  SaeTensors tensors;
  for (const auto& [field, parameter] : parameters_) tensors.*field = parameter.value();
  return tensors;
}

SaeTensors CudaParameterSet::Averaged() const {
  SaeTensors tensors;
  for (const auto& [field, parameter] : parameters_) tensors.*field = parameter.Averaged(options_);
  return tensors;
}

StateTensors CudaParameterSet::State() const {
  StateTensors state;
  for (const auto& [member, parameter] : parameters_) AddState(NameOf(member), parameter.State(), &state);
  return state;
}

}  // namespace seedbed
