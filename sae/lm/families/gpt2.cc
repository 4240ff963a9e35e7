#include "sae/lm/families/gpt2.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/lm/config_reader.h"

namespace seedbed {
namespace {

absl::Status CheckIsSupported(const JsonObject& config) {
  RETURN_IF_ERROR(CheckIsNotQuantised(config));
  RETURN_IF_ERROR(CheckIs(config, "scale_attn_weights", true));
  RETURN_IF_ERROR(CheckIs(config, "scale_attn_by_inverse_layer_idx", false));
  return CheckIs(config, "add_cross_attention", false);
}

absl::Status ParseSizes(const JsonObject& config, DecoderConfig* parsed) {
  ASSIGN_OR_RETURN(parsed->vocabulary_size, config.Integer("vocab_size", 1, kMostVocabulary));
  ASSIGN_OR_RETURN(parsed->context_length, config.Integer("n_positions", 1, kMostPositions));
  ASSIGN_OR_RETURN(parsed->layers, config.Integer("n_layer", 1, kMostLayers));
  ASSIGN_OR_RETURN(parsed->d_model, config.Integer("n_embd", 1, kMostWidth));
  ASSIGN_OR_RETURN(parsed->d_mlp, IntegerOr(config, "n_inner", kMostWidth, 4 * parsed->d_model));
  ASSIGN_OR_RETURN(parsed->heads, config.Integer("n_head", 1, kMostLayers));
  if (parsed->d_model % parsed->heads != 0) {
    return config.Error("n_head",
                        absl::StrCat("is ", parsed->heads, ", which does not divide n_embd ", parsed->d_model));
  }
  parsed->kv_heads = parsed->heads;
  parsed->d_head = parsed->d_model / parsed->heads;
  return absl::OkStatus();
}

absl::StatusOr<DecoderConfig> ParseGpt2(const JsonObject& config) {
  RETURN_IF_ERROR(CheckIsSupported(config));
  DecoderConfig parsed;
  ASSIGN_OR_RETURN(parsed.model_type, config.String("model_type"));
  RETURN_IF_ERROR(ParseSizes(config, &parsed));
  parsed.learned_positions = true;
  parsed.norm = NormKind::kLayer;
  ASSIGN_OR_RETURN(parsed.norm_epsilon, PositiveNumberOr(config, "layer_norm_epsilon", 1e-5));
  parsed.query_key_value_bias = true;
  parsed.attention_out_bias = true;
  parsed.mlp_bias = true;
  parsed.attention_scale = 1 / std::sqrt(static_cast<double>(parsed.d_head));
  parsed.windows.assign(static_cast<size_t>(parsed.layers), 0);
  ASSIGN_OR_RETURN(parsed.activation, ParseActivation(config, "activation_function", "gelu_new"));
  ASSIGN_OR_RETURN(parsed.tied_head, BooleanOr(config, "tie_word_embeddings", true));
  return parsed;
}

LayerTensors TensorsOfLayer(const DecoderConfig& config, const std::string& layer) {
  const auto conv1d = [&](const std::string& name, int64_t rows, int64_t columns) {
    return LinearTensors{{{layer + name, rows}}, columns, /*bias=*/true, MatrixLayout::kColumns};
  };
  LayerTensors tensors;
  tensors.attention_norm = layer + "ln_1";
  tensors.attention_in = conv1d("attn.c_attn", 3 * config.d_model, config.d_model);
  tensors.attention_out = conv1d("attn.c_proj", config.d_model, config.d_model);
  tensors.mlp_norm = layer + "ln_2";
  tensors.mlp_in = conv1d("mlp.c_fc", config.d_mlp, config.d_model);
  tensors.mlp_out = conv1d("mlp.c_proj", config.d_model, config.d_mlp);
  return tensors;
}

DecoderTensors Gpt2Tensors(const DecoderConfig& config, const std::string& prefix) {
  DecoderTensors tensors;
  tensors.embedding = prefix + "wte.weight";
  tensors.positions = prefix + "wpe.weight";
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    tensors.layers.push_back(TensorsOfLayer(config, absl::StrCat(prefix, "h.", layer, ".")));
  }
  tensors.final_norm = prefix + "ln_f";
  tensors.head = "lm_head.weight";
  tensors.ignored_endings = {".attn.bias", ".attn.masked_bias"};
  return tensors;
}

}  // namespace

const Family kGpt2 = {"gpt2", ParseGpt2, "transformer.", Gpt2Tensors};

}  // namespace seedbed
