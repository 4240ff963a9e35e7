// Gemma 2 (Gemma Team 2024, arXiv:2408.00118): Llama with a scaled embedding, soft-capped attention scores and logits,
// a sliding window in every other layer, norms of what attention and MLP give, and norms whose weight is 1 + w.
#ifndef SEEDBED_SAE_LM_FAMILIES_GEMMA2_H_
#define SEEDBED_SAE_LM_FAMILIES_GEMMA2_H_

#include "sae/lm/families/family.h"

namespace seedbed {

extern const Family kGemma2;

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_GEMMA2_H_
