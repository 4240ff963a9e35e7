// Rows of a parameter with what its optimiser remembers of them, and one step of either optimiser on them.
#ifndef SEEDBED_SAE_ARCH_KERNELS_PARAMETER_ROWS_H_
#define SEEDBED_SAE_ARCH_KERNELS_PARAMETER_ROWS_H_

#include <cstdint>

#include "sae/train/optimizer_update.h"

namespace seedbed {

// All of one shape. Not owned.
struct ParameterRows {
  float* value = nullptr;
  float* moment1 = nullptr;  // Of Signum: z.
  float* moment2 = nullptr;  // Of Adam alone.
};

// One step of the optimiser on the `width` elements from element `begin` on. `gradient` holds theirs, not yet scaled by
// gradient_scale, and is used up. Thread-safe where elements differ.
void UpdateElements(const OptimizerUpdate& update, int64_t begin, int64_t width, float* gradient,
                    const ParameterRows& parameter);

// Has those elements brought near while something else is computed.
void PrefetchElements(const ParameterRows& parameter, int64_t begin, int64_t width);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_PARAMETER_ROWS_H_
