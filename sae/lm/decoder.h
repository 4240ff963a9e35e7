// The forward pass of every family.
#ifndef SEEDBED_SAE_LM_DECODER_H_
#define SEEDBED_SAE_LM_DECODER_H_

#include <memory>
#include <vector>

#include "sae/lm/decoder_config.h"
#include "sae/lm/decoder_weights.h"
#include "sae/lm/hookpoint.h"
#include "sae/lm/language_model.h"

namespace seedbed {

// `weights` holds the layers that `hookpoints` need, or all of them and the head.
std::unique_ptr<LanguageModel> MakeDecoder(const DecoderConfig& config, DecoderWeights weights,
                                           std::vector<Hookpoint> hookpoints);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_DECODER_H_
