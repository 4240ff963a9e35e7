// Every parameter of an SAE as the kernels hold it.
#ifndef SEEDBED_SAE_ARCH_CPU_PARAMETER_SET_H_
#define SEEDBED_SAE_ARCH_CPU_PARAMETER_SET_H_

#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/checkpoint/sae_tensors.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/train/optimizer_options.h"

namespace seedbed {

// Those of `initial` that are defined. Not thread-safe.
class ParameterSet {
 public:
  using Field = at::Tensor SaeTensors::*;

  ParameterSet(const SaeTensors& initial, const OptimizerOptions& options);

  // nullptr: there is none. Stays where it is as long as the set.
  Parameter* Find(Field field);
  // There is one.
  Parameter& Get(Field field) { return *Find(field); }

  // As SaeEngine's functions of these names.
  SaeTensors Values() const;
  SaeTensors Averaged() const;
  void SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias);

  // Of every parameter, under its name.
  StateTensors State() const;

  std::vector<std::pair<Field, Parameter>>& all() { return parameters_; }

 private:
  const OptimizerOptions options_;
  std::vector<std::pair<Field, Parameter>> parameters_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_PARAMETER_SET_H_
