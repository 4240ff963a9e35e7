// The Llama family (config.json's model_type "llama"; SmolLM2 and others): RMSNorm, rotary embeddings, grouped-query
// attention, SwiGLU. Touvron et al. 2023, arXiv:2302.13971 and arXiv:2307.09288; activations as transformers'
// LlamaForCausalLM gives them.
#ifndef SEEDBED_SAE_LM_LLAMA_H_
#define SEEDBED_SAE_LM_LLAMA_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/io/json_object.h"
#include "sae/lm/hookpoint.h"
#include "sae/lm/language_model.h"
#include "sae/lm/weight_loader.h"

namespace seedbed {

// Errors as of LoadLanguageModel.
absl::StatusOr<std::unique_ptr<LanguageModel>> LoadLlama(const JsonObject& config, WeightLoader& weights,
                                                         const std::vector<Hookpoint>& hookpoints, at::Device device);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_LLAMA_H_
