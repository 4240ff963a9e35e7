// Parameters before the first step.
#ifndef SEEDBED_SAE_ARCH_INITIALIZATION_H_
#define SEEDBED_SAE_ARCH_INITIALIZATION_H_

#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

// As sparsify starts a TopK SAE: encoder rows uniform in (-1/sqrt(d), 1/sqrt(d)), torch's default for nn.Linear, from
// the config's seed alone; encoder bias 0; decoder = the encoder with unit rows; b_dec 0 (the first batch sets it).
// The same bytes on every machine.
Dictionary InitialTopkDictionary(const SaeConfig& config);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_INITIALIZATION_H_
