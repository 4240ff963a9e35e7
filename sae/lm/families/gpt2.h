// GPT-2 (Radford et al. 2019): LayerNorm, biases, learned positions; its matrices are stored transposed.
#ifndef SEEDBED_SAE_LM_FAMILIES_GPT2_H_
#define SEEDBED_SAE_LM_FAMILIES_GPT2_H_

#include "sae/lm/families/family.h"

namespace seedbed {

extern const Family kGpt2;

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_GPT2_H_
