#include "sae/arch/cpu/finite_checks.h"

#include <algorithm>
#include <cmath>

namespace seedbed {

bool AllFinite(const at::Tensor& tensor) {
  const float* values = tensor.const_data_ptr<float>();
  return std::all_of(values, values + tensor.numel(), [](float value) { return std::isfinite(value); });
}

}  // namespace seedbed
