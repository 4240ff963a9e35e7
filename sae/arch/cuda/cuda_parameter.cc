#include "sae/arch/cuda/cuda_parameter.h"

#include "ATen/TensorOperators.h"
#include "ATen/ops/zeros.h"
#include "sae/arch/kernels/rows.h"

namespace seedbed {

CudaParameter::CudaParameter(const at::Tensor& initial, OptimizerKind kind, at::Device device)
    : columns_(initial.size(-1)) {
  std::vector<int64_t> shape = initial.sizes().vec();
  shape.back() = PaddedWidth(columns_);
  const auto options = at::TensorOptions(at::kFloat).device(device);
  value_ = at::zeros(shape, options);
  moment1_ = at::zeros(shape, options);
  if (kind == OptimizerKind::kAdam) moment2_ = at::zeros(shape, options);
  Set(initial);
}

at::Tensor CudaParameter::Averaged(const OptimizerOptions& options) const {
  if (options.kind == OptimizerKind::kAdam) return value();
  const at::Tensor z = moment1_.narrow(-1, 0, columns_);
  return value() + (1 - 1 / options.momentum) * (z - value());
}

void CudaParameter::Set(const at::Tensor& value) {
  value_.narrow(-1, 0, columns_).copy_(value);
  if (!moment2_.defined()) moment1_.copy_(value_);
}

StateTensors CudaParameter::State() const {
  StateTensors state = {{"value", value()}, {"moment1", moment1_.narrow(-1, 0, columns_)}};
  if (moment2_.defined()) state["moment2"] = moment2_.narrow(-1, 0, columns_);
  return state;
}

DeviceParameter CudaParameter::pointers() const {
  return {data(), moment1_.mutable_data_ptr<float>(),
          moment2_.defined() ? moment2_.mutable_data_ptr<float>() : nullptr};
}

}  // namespace seedbed
