// GPT-NeoX (Black et al. 2022, arXiv:2204.06745; Pythia, arXiv:2304.01373): LayerNorm, biases, a rotary embedding of a
// part of each head, attention and MLP in parallel or one after the other.
#ifndef SEEDBED_SAE_LM_FAMILIES_GPT_NEOX_H_
#define SEEDBED_SAE_LM_FAMILIES_GPT_NEOX_H_

#include "sae/lm/families/family.h"

namespace seedbed {

extern const Family kGptNeox;

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_GPT_NEOX_H_
