// Qwen3 (Yang et al. 2025, arXiv:2505.09388): Llama with a norm of every query and key head.
#ifndef SEEDBED_SAE_LM_FAMILIES_QWEN3_H_
#define SEEDBED_SAE_LM_FAMILIES_QWEN3_H_

#include "sae/lm/families/family.h"

namespace seedbed {

extern const Family kQwen3;

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_QWEN3_H_
