#include "sae/arch/cpu/matrix_product.h"

#include <optional>

#include "ATen/Context.h"
#include "ATen/core/dispatch/Dispatcher.h"
#include "ATen/ops/mm.h"

namespace seedbed {
namespace {

// LibTorch registers it for its compiler's sake and declares it in no header; called by name and schema:
//   mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor
const std::optional<c10::OperatorHandle>& LinearOperator() {
  static const std::optional<c10::OperatorHandle> linear =
      c10::Dispatcher::singleton().findSchema(c10::OperatorName("mkldnn::_linear_pointwise", ""));
  return linear;
}

}  // namespace

at::Tensor MatrixProduct(const at::Tensor& a, const at::Tensor& b) {
  const at::Context& context = at::globalContext();
  if (!context.hasMKLDNN() || !context.userEnabledMkldnn() || !LinearOperator().has_value()) return at::mm(a, b);
  const c10::List<std::optional<at::Scalar>> no_scalars;
  torch::jit::Stack arguments = {a, b.t(), c10::IValue(), "none", no_scalars, std::nullopt};
  LinearOperator()->callBoxed(arguments);
  return arguments.front().toTensor();
}

}  // namespace seedbed
