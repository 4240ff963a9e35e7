// Mistral (Jiang et al. 2023, arXiv:2310.06825): Llama with a sliding attention window in every layer.
#ifndef SEEDBED_SAE_LM_FAMILIES_MISTRAL_H_
#define SEEDBED_SAE_LM_FAMILIES_MISTRAL_H_

#include "sae/lm/families/family.h"

namespace seedbed {

extern const Family kMistral;

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_MISTRAL_H_
