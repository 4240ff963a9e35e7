#include "sae/lm/families/gemma2.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/lm/config_reader.h"
#include "sae/lm/families/llama.h"

namespace seedbed {
namespace {

absl::StatusOr<DecoderConfig> ParseGemma2(const JsonObject& config) {
  RETURN_IF_ERROR(CheckIs(config, "use_bidirectional_attention", false));
  ASSIGN_OR_RETURN(DecoderConfig parsed, ParseLlamaFields(config, "hidden_activation"));
  ASSIGN_OR_RETURN(parsed.activation, ParseActivation(config, "hidden_activation", "gelu_pytorch_tanh"));
  ASSIGN_OR_RETURN(parsed.tied_head, BooleanOr(config, "tie_word_embeddings", true));
  ASSIGN_OR_RETURN(parsed.query_key_value_bias, BooleanOr(config, "attention_bias", false));
  parsed.attention_out_bias = parsed.query_key_value_bias;
  ASSIGN_OR_RETURN(const double scalar, PositiveNumber(config, "query_pre_attn_scalar"));
  parsed.attention_scale = 1 / std::sqrt(scalar);
  ASSIGN_OR_RETURN(parsed.attention_softcap, PositiveNumberOr(config, "attn_logit_softcapping", 0));
  ASSIGN_OR_RETURN(parsed.logit_softcap, PositiveNumberOr(config, "final_logit_softcapping", 0));
  ASSIGN_OR_RETURN(const int64_t window, IntegerOr(config, "sliding_window", kMostPositions, 0));
  ASSIGN_OR_RETURN(parsed.windows, ParseWindows(config, parsed.layers, window,
                                                [&](int64_t layer) { return window > 0 && layer % 2 == 0; }));
  parsed.embedding_scale = std::sqrt(static_cast<double>(parsed.d_model));
  parsed.norm_adds_one = true;
  parsed.post_norms = true;
  return parsed;
}

// Llama's post_attention_layernorm is the norm before the MLP; here it is the one after the attention.
DecoderTensors Gemma2Tensors(const DecoderConfig& config, const std::string& prefix) {
  DecoderTensors tensors = LlamaTensors(config, prefix);
  for (size_t layer = 0; layer < tensors.layers.size(); ++layer) {
    const std::string in_layer = absl::StrCat(prefix, "layers.", layer, ".");
    tensors.layers[layer].attention_post_norm = in_layer + "post_attention_layernorm";
    tensors.layers[layer].mlp_norm = in_layer + "pre_feedforward_layernorm";
    tensors.layers[layer].mlp_post_norm = in_layer + "post_feedforward_layernorm";
  }
  return tensors;
}

}  // namespace

const Family kGemma2 = {"gemma2", ParseGemma2, "model.", Gemma2Tensors};

}  // namespace seedbed
