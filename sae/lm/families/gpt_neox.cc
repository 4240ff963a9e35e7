#include "sae/lm/families/gpt_neox.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/lm/config_reader.h"
#include "sae/lm/rotary_reader.h"

namespace seedbed {
namespace {

absl::Status ParseSizes(const JsonObject& config, DecoderConfig* parsed) {
  ASSIGN_OR_RETURN(parsed->vocabulary_size, config.Integer("vocab_size", 1, kMostVocabulary));
  ASSIGN_OR_RETURN(parsed->context_length, IntegerOr(config, "max_position_embeddings", kMostPositions, 0));
  ASSIGN_OR_RETURN(parsed->layers, config.Integer("num_hidden_layers", 1, kMostLayers));
  ASSIGN_OR_RETURN(parsed->d_model, config.Integer("hidden_size", 1, kMostWidth));
  ASSIGN_OR_RETURN(parsed->d_mlp, config.Integer("intermediate_size", 1, kMostWidth));
  ASSIGN_OR_RETURN(parsed->heads, config.Integer("num_attention_heads", 1, kMostLayers));
  if (parsed->d_model % parsed->heads != 0) {
    return config.Error("num_attention_heads",
                        absl::StrCat("is ", parsed->heads, ", which does not divide hidden_size ", parsed->d_model));
  }
  parsed->kv_heads = parsed->heads;
  parsed->d_head = parsed->d_model / parsed->heads;
  return absl::OkStatus();
}

absl::StatusOr<DecoderConfig> ParseGptNeox(const JsonObject& config) {
  RETURN_IF_ERROR(CheckIsNotQuantised(config));
  DecoderConfig parsed;
  ASSIGN_OR_RETURN(parsed.model_type, config.String("model_type"));
  RETURN_IF_ERROR(ParseSizes(config, &parsed));
  parsed.norm = NormKind::kLayer;
  ASSIGN_OR_RETURN(parsed.norm_epsilon, PositiveNumberOr(config, "layer_norm_eps", 1e-5));
  ASSIGN_OR_RETURN(parsed.rotary,
                   ParseRotary(config, {"rotary_emb_base", "rotary_pct", 0.25}, parsed.d_head, parsed.context_length));
  ASSIGN_OR_RETURN(parsed.parallel_residual, BooleanOr(config, "use_parallel_residual", true));
  ASSIGN_OR_RETURN(parsed.query_key_value_bias, BooleanOr(config, "attention_bias", true));
  parsed.attention_out_bias = parsed.query_key_value_bias;
  parsed.mlp_bias = true;
  parsed.attention_scale = 1 / std::sqrt(static_cast<double>(parsed.d_head));
  parsed.windows.assign(static_cast<size_t>(parsed.layers), 0);
  ASSIGN_OR_RETURN(parsed.activation, ParseActivation(config, "hidden_act", "gelu"));
  ASSIGN_OR_RETURN(parsed.tied_head, BooleanOr(config, "tie_word_embeddings", false));
  return parsed;
}

LayerTensors TensorsOfLayer(const DecoderConfig& config, const std::string& layer) {
  LayerTensors tensors;
  tensors.attention_norm = layer + "input_layernorm";
  tensors.attention_in = {{{layer + "attention.query_key_value", 3 * config.d_model}},
                          config.d_model,
                          config.query_key_value_bias,
                          MatrixLayout::kHeads};
  tensors.attention_out = {{{layer + "attention.dense", config.d_model}}, config.d_model, config.attention_out_bias};
  tensors.mlp_norm = layer + "post_attention_layernorm";
  tensors.mlp_in = {{{layer + "mlp.dense_h_to_4h", config.d_mlp}}, config.d_model, config.mlp_bias};
  tensors.mlp_out = {{{layer + "mlp.dense_4h_to_h", config.d_model}}, config.d_mlp, config.mlp_bias};
  return tensors;
}

DecoderTensors GptNeoxTensors(const DecoderConfig& config, const std::string& prefix) {
  DecoderTensors tensors;
  tensors.embedding = prefix + "embed_in.weight";
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    tensors.layers.push_back(TensorsOfLayer(config, absl::StrCat(prefix, "layers.", layer, ".")));
  }
  tensors.final_norm = prefix + "final_layer_norm";
  tensors.head = "embed_out.weight";
  tensors.ignored_endings = {".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias"};
  return tensors;
}

}  // namespace

const Family kGptNeox = {"gpt_neox", ParseGptNeox, "gpt_neox.", GptNeoxTensors};

}  // namespace seedbed
