#include "sae/lm/linear.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include <optional>
#include <utility>

namespace seedbed {
namespace {

// Operators that LibTorch registers for its compiler's sake and declares in no header; called by name and schema:
//   mkldnn::_reorder_linear_weight(Tensor self, int? batch_size=None) -> Tensor
//   mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor
//   mkldnn::_is_mkldnn_bf16_supported() -> bool
std::optional<c10::OperatorHandle> Operator(const char* name) {
  return c10::Dispatcher::singleton().findSchema(c10::OperatorName(name, ""));
}

const std::optional<c10::OperatorHandle>& PackOperator() {
  static const std::optional<c10::OperatorHandle> pack = Operator("mkldnn::_reorder_linear_weight");
  return pack;
}

const std::optional<c10::OperatorHandle>& MultiplyOperator() {
  static const std::optional<c10::OperatorHandle> multiply = Operator("mkldnn::_linear_pointwise");
  return multiply;
}

// Without AVX-512 or its like there is no packed product in 16 bits, and packing for one throws.
bool HasPackedProduct(at::ScalarType type) {
  if (type == at::kFloat) return true;
  static const std::optional<c10::OperatorHandle> is_supported = Operator("mkldnn::_is_mkldnn_bf16_supported");
  if (type != at::kBFloat16 || !is_supported.has_value()) return false;
  torch::jit::Stack result;
  is_supported->callBoxed(result);
  return result.front().toBool();
}

bool CanPack(const at::Tensor& weight) {
  return HasPackedProduct(weight.scalar_type()) && weight.is_cpu() && at::globalContext().hasMKLDNN() &&
         at::globalContext().userEnabledMkldnn() && PackOperator().has_value() && MultiplyOperator().has_value();
}

at::Tensor Call(const c10::OperatorHandle& operation, torch::jit::Stack arguments) {
  operation.callBoxed(arguments);
  return arguments.front().toTensor();
}

}  // namespace

Linear::Linear(const at::Tensor& weight, const at::Tensor& bias)
    : weight_(weight), bias_(bias), packed_(CanPack(weight)) {
  if (packed_) weight_ = Call(*PackOperator(), {weight, std::nullopt});
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  if (!packed_) return bias_.defined() ? at::addmm(bias_, x, weight_.t()) : at::mm(x, weight_.t());
  const c10::List<std::optional<at::Scalar>> no_scalars;
  const c10::IValue bias = bias_.defined() ? c10::IValue(bias_) : c10::IValue();
  return Call(*MultiplyOperator(), {x, weight_, bias, "none", no_scalars, std::nullopt});
}

}  // namespace seedbed
