#include "sae/arch/cpu/parameter_set.h"

#include <algorithm>

namespace seedbed {

ParameterSet::ParameterSet(const SaeTensors& initial, const OptimizerOptions& options) : options_(options) {
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& tensor = initial.*field.member;
    if (tensor.defined()) parameters_.emplace_back(field.member, Parameter(tensor, options.kind));
  }
}

Parameter* ParameterSet::Find(Field field) {
  const auto found =
      std::find_if(parameters_.begin(), parameters_.end(), [field](const auto& named) { return named.first == field; });
  return found == parameters_.end() ? nullptr : &found->second;
}

SaeTensors ParameterSet::Values() const {
  SaeTensors tensors;
  for (const auto& [field, parameter] : parameters_) tensors.*field = parameter.value();
  return tensors;
}

SaeTensors ParameterSet::Averaged() const {
  SaeTensors tensors;
  for (const auto& [field, parameter] : parameters_) tensors.*field = parameter.Averaged(options_);
  return tensors;
}

StateTensors ParameterSet::State() const {
  StateTensors state;
  for (const auto& [member, parameter] : parameters_) AddState(NameOf(member), parameter.State(), &state);
  return state;
}

void ParameterSet::SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) {
  Get(&SaeTensors::decoder_bias).Set(decoder_bias);
  if (encoder_bias.defined()) Get(&SaeTensors::encoder_bias).Set(encoder_bias);
}

}  // namespace seedbed
