#include "sae/lm/families/llama.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/lm/config_reader.h"
#include "sae/lm/rotary_reader.h"

namespace seedbed {
namespace {

absl::Status ParseHeads(const JsonObject& config, DecoderConfig* parsed) {
  ASSIGN_OR_RETURN(parsed->heads, config.Integer("num_attention_heads", 1, kMostLayers));
  ASSIGN_OR_RETURN(parsed->kv_heads, IntegerOr(config, "num_key_value_heads", kMostLayers, parsed->heads));
  ASSIGN_OR_RETURN(parsed->d_head, IntegerOr(config, "head_dim", kMostLayers, parsed->d_model / parsed->heads));
  if (!config.Has("head_dim") && parsed->d_model % parsed->heads != 0) {
    return config.Error("num_attention_heads",
                        absl::StrCat("is ", parsed->heads, ", which does not divide hidden_size ", parsed->d_model,
                                     ", and there is no head_dim"));
  }
  if (parsed->heads % parsed->kv_heads != 0) {
    return config.Error(
        "num_key_value_heads",
        absl::StrCat("is ", parsed->kv_heads, ", which does not divide num_attention_heads ", parsed->heads));
  }
  parsed->attention_scale = 1 / std::sqrt(static_cast<double>(parsed->d_head));
  return absl::OkStatus();
}

LayerTensors TensorsOfLayer(const DecoderConfig& config, const std::string& layer) {
  const int64_t d_query = config.heads * config.d_head;
  const int64_t d_key = config.kv_heads * config.d_head;
  const std::string attention = layer + "self_attn.";
  const std::string mlp = layer + "mlp.";
  LayerTensors tensors;
  tensors.attention_norm = layer + "input_layernorm";
  tensors.attention_in = {
      {{attention + "q_proj", d_query}, {attention + "k_proj", d_key}, {attention + "v_proj", d_key}},
      config.d_model,
      config.query_key_value_bias};
  tensors.attention_out = {{{attention + "o_proj", config.d_model}}, d_query, config.attention_out_bias};
  tensors.mlp_norm = layer + "post_attention_layernorm";
  tensors.mlp_in = {
      {{mlp + "gate_proj", config.d_mlp}, {mlp + "up_proj", config.d_mlp}}, config.d_model, config.mlp_bias};
  tensors.mlp_out = {{{mlp + "down_proj", config.d_model}}, config.d_mlp, config.mlp_bias};
  return tensors;
}

absl::StatusOr<DecoderConfig> ParseLlama(const JsonObject& config) {
  ASSIGN_OR_RETURN(DecoderConfig parsed, ParseLlamaFields(config));
  ASSIGN_OR_RETURN(parsed.query_key_value_bias, BooleanOr(config, "attention_bias", false));
  parsed.attention_out_bias = parsed.query_key_value_bias;
  ASSIGN_OR_RETURN(parsed.mlp_bias, BooleanOr(config, "mlp_bias", false));
  return parsed;
}

}  // namespace

absl::StatusOr<DecoderConfig> ParseLlamaFields(const JsonObject& config, const std::string& activation_field) {
  RETURN_IF_ERROR(CheckIsNotQuantised(config));
  DecoderConfig parsed;
  ASSIGN_OR_RETURN(parsed.model_type, config.String("model_type"));
  ASSIGN_OR_RETURN(parsed.vocabulary_size, config.Integer("vocab_size", 1, kMostVocabulary));
  ASSIGN_OR_RETURN(parsed.context_length, IntegerOr(config, "max_position_embeddings", kMostPositions, 0));
  ASSIGN_OR_RETURN(parsed.layers, config.Integer("num_hidden_layers", 1, kMostLayers));
  ASSIGN_OR_RETURN(parsed.d_model, config.Integer("hidden_size", 1, kMostWidth));
  ASSIGN_OR_RETURN(parsed.d_mlp, config.Integer("intermediate_size", 1, kMostWidth));
  RETURN_IF_ERROR(ParseHeads(config, &parsed));
  ASSIGN_OR_RETURN(parsed.norm_epsilon, PositiveNumber(config, "rms_norm_eps"));
  ASSIGN_OR_RETURN(parsed.rotary, ParseRotary(config, RotaryFields(), parsed.d_head, parsed.context_length));
  ASSIGN_OR_RETURN(parsed.activation, ParseActivation(config, activation_field, "silu"));
  ASSIGN_OR_RETURN(parsed.tied_head, BooleanOr(config, "tie_word_embeddings", false));
  parsed.gated_mlp = true;
  parsed.windows.assign(static_cast<size_t>(parsed.layers), 0);
  return parsed;
}

DecoderTensors LlamaTensors(const DecoderConfig& config, const std::string& prefix) {
  DecoderTensors tensors;
  tensors.embedding = prefix + "embed_tokens.weight";
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    tensors.layers.push_back(TensorsOfLayer(config, absl::StrCat(prefix, "layers.", layer, ".")));
  }
  tensors.final_norm = prefix + "norm";
  tensors.head = "lm_head.weight";
  tensors.ignored_endings = {".rotary_emb.inv_freq"};
  return tensors;
}

const Family kLlama = {"llama", ParseLlama, "model.", LlamaTensors};

}  // namespace seedbed
