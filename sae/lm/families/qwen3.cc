#include "sae/lm/families/qwen3.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/lm/config_reader.h"
#include "sae/lm/families/llama.h"
#include "sae/lm/families/qwen2.h"

namespace seedbed {
namespace {

absl::StatusOr<DecoderConfig> ParseQwen3(const JsonObject& config) {
  ASSIGN_OR_RETURN(DecoderConfig parsed, ParseLlamaFields(config));
  ASSIGN_OR_RETURN(parsed.windows, ParseQwenWindows(config, parsed.layers));
  ASSIGN_OR_RETURN(parsed.query_key_value_bias, BooleanOr(config, "attention_bias", false));
  parsed.attention_out_bias = parsed.query_key_value_bias;
  parsed.head_norms = true;
  return parsed;
}

DecoderTensors Qwen3Tensors(const DecoderConfig& config, const std::string& prefix) {
  DecoderTensors tensors = LlamaTensors(config, prefix);
  for (size_t layer = 0; layer < tensors.layers.size(); ++layer) {
    const std::string attention = absl::StrCat(prefix, "layers.", layer, ".self_attn.");
    tensors.layers[layer].query_norm = attention + "q_norm";
    tensors.layers[layer].key_norm = attention + "k_norm";
  }
  return tensors;
}

}  // namespace

const Family kQwen3 = {"qwen3", ParseQwen3, "model.", Qwen3Tensors};

}  // namespace seedbed
