#include "sae/arch/cpu/parameter.h"

#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/zeros.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {

float* Data(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

Parameter::Parameter(const at::Tensor& initial, OptimizerKind kind) : columns_(initial.size(-1)) {
  std::vector<int64_t> shape = initial.sizes().vec();
  shape.back() = PaddedWidth(columns_);
  value_ = at::zeros(shape);
  moment1_ = at::zeros(shape);
  if (kind == OptimizerKind::kAdam) moment2_ = at::zeros(shape);
  Set(initial);
}

at::Tensor Parameter::Averaged(const OptimizerOptions& options) const {
  if (options.kind == OptimizerKind::kAdam) return value();
  const at::Tensor z = moment1_.narrow(-1, 0, columns_);
  return value() + (1 - 1 / options.momentum) * (z - value());
}

void Parameter::Set(const at::Tensor& value) {
  value_.narrow(-1, 0, columns_).copy_(value);
  if (!moment2_.defined()) moment1_.copy_(value_);
}

StateTensors Parameter::State() const {
  StateTensors state = {{"value", value()}, {"moment1", moment1_.narrow(-1, 0, columns_)}};
  if (moment2_.defined()) state["moment2"] = moment2_.narrow(-1, 0, columns_);
  return state;
}

ParameterRows Parameter::rows() const {
  return {Data(value_), Data(moment1_), moment2_.defined() ? Data(moment2_) : nullptr};
}

void Parameter::Update(const OptimizerUpdate& update, const at::Tensor& gradient) {
  UpdateElements(update, 0, value_.numel(), Data(gradient), rows());
}

}  // namespace seedbed
