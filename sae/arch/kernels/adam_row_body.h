// The loop of the Adam update; adam_row_*.cc instantiate it, each with its own compiler flags.
#ifndef SEEDBED_SAE_ARCH_KERNELS_ADAM_ROW_BODY_H_
#define SEEDBED_SAE_ARCH_KERNELS_ADAM_ROW_BODY_H_

#include <cstdint>

#include "sae/train/adam.h"

namespace seedbed {

// kVectorBits only tells the instantiations apart: the linker must not take one for the other.
template <int kVectorBits>
inline void AdamRowLoop(const AdamUpdate& update, const float* __restrict gradient, int64_t width,
                        float* __restrict parameter, float* __restrict moment1, float* __restrict moment2) {
  const AdamUpdate u = update;
  for (int64_t q = 0; q < width; ++q) {
    const float g = gradient[q];
    const float m = u.beta1 * moment1[q] + u.one_minus_beta1 * g;
    const float v = u.beta2 * moment2[q] + u.one_minus_beta2 * g * g;
    moment1[q] = m;
    moment2[q] = v;
    parameter[q] -= u.step_size * m / (__builtin_sqrtf(v) + u.epsilon);
  }
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_ADAM_ROW_BODY_H_
