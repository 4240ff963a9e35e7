// Llama (Touvron et al. 2023, arXiv:2302.13971 and arXiv:2307.09288; SmolLM2 and others): RMSNorm, rotary embedding,
// grouped-query attention, SwiGLU. Mistral, Qwen and Gemma keep most of its fields and names.
#ifndef SEEDBED_SAE_LM_FAMILIES_LLAMA_H_
#define SEEDBED_SAE_LM_FAMILIES_LLAMA_H_

#include <string>

#include "absl/status/statusor.h"
#include "sae/lm/families/family.h"

namespace seedbed {

extern const Family kLlama;

// The fields that Llama's descendants share: sizes, RMSNorm, rotary embedding, a gated MLP whose activation is in the
// field `activation_field`. Every layer sees all positions.
absl::StatusOr<DecoderConfig> ParseLlamaFields(const JsonObject& config,
                                               const std::string& activation_field = "hidden_act");

// Llama's names.
DecoderTensors LlamaTensors(const DecoderConfig& config, const std::string& prefix);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_FAMILIES_LLAMA_H_
