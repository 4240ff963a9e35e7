// The Adam update of a row for each kind of CPU. AdamRow in rows.h chooses among them. Knows no LibTorch.
#ifndef SEEDBED_SAE_ARCH_KERNELS_ADAM_ROW_H_
#define SEEDBED_SAE_ARCH_KERNELS_ADAM_ROW_H_

#include <cstdint>

#include "sae/train/adam.h"

namespace seedbed {

using AdamRowFunction = void (*)(const AdamUpdate& update, const float* gradient, int64_t width, float* parameter,
                                 float* moment1, float* moment2);

void AdamRowAvx2(const AdamUpdate& update, const float* gradient, int64_t width, float* parameter, float* moment1,
                 float* moment2);
void AdamRowAvx512(const AdamUpdate& update, const float* gradient, int64_t width, float* parameter, float* moment1,
                   float* moment2);

// Chosen by what the CPU has.
AdamRowFunction BestAdamRow();

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_ADAM_ROW_H_
