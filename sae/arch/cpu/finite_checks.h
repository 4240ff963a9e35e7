// Whether gradients are finite that are formed only while they are used up.
#ifndef SEEDBED_SAE_ARCH_CPU_FINITE_CHECKS_H_
#define SEEDBED_SAE_ARCH_CPU_FINITE_CHECKS_H_

#include <limits>

#include "ATen/core/Tensor.h"

namespace seedbed {

// Where an upper bound on the magnitudes in a sum stays below this, every sum that they are part of is finite.
inline constexpr double kLargestGradient = std::numeric_limits<float>::max() / 4;

// Of a contiguous float32 tensor.
bool AllFinite(const at::Tensor& tensor);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_FINITE_CHECKS_H_
