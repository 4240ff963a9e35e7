#include "sae/lm/llama_config.h"

#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

// Far above any model's, and small enough that no product of two sizes overflows.
constexpr int64_t kMostWidth = int64_t{1} << 24;
constexpr int64_t kMostVocabulary = int64_t{1} << 31;
constexpr int64_t kMostLayers = int64_t{1} << 16;

absl::StatusOr<int64_t> IntegerOr(const JsonObject& config, const std::string& field, int64_t most, int64_t otherwise) {
  if (!config.Has(field)) return otherwise;
  return config.Integer(field, 1, most);
}

absl::StatusOr<double> PositiveNumber(const JsonObject& config, const std::string& field) {
  ASSIGN_OR_RETURN(const double value, config.Number(field));
  if (std::isfinite(value) && value > 0) return value;
  return config.Error(field, absl::StrCat("is ", value, ", a number above 0 is needed"));
}

// Both {"rope_type": ...} and the older {"type": ...}.
absl::Status CheckRopeIsDefault(const JsonObject& rope) {
  for (const char* field : {"rope_type", "type"}) {
    if (!rope.Has(field)) continue;
    ASSIGN_OR_RETURN(const std::string type, rope.String(field));
    if (type != "default") return rope.Error(field, absl::StrCat("is \"", type, "\", supported is: default"));
  }
  if (!rope.Has("partial_rotary_factor")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const double factor, rope.Number("partial_rotary_factor"));
  if (factor == 1.0) return absl::OkStatus();
  return rope.Error("partial_rotary_factor", absl::StrCat("is ", factor, ", supported is: 1"));
}

// Since version 5 transformers writes rope_parameters; before it wrote rope_theta, and rope_scaling where it scaled.
absl::StatusOr<double> ParseRopeTheta(const JsonObject& config) {
  std::optional<double> theta;
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    if (!config.Has(field)) continue;
    ASSIGN_OR_RETURN(const JsonObject rope, config.Object(field));
    RETURN_IF_ERROR(CheckRopeIsDefault(rope));
    if (theta.has_value() || !rope.Has("rope_theta")) continue;
    ASSIGN_OR_RETURN(theta, PositiveNumber(rope, "rope_theta"));
  }
  if (theta.has_value()) return *theta;
  if (!config.Has("rope_theta")) return LlamaConfig().rope_theta;
  return PositiveNumber(config, "rope_theta");
}

absl::Status CheckIsSupported(const JsonObject& config) {
  if (config.Has("hidden_act")) {
    ASSIGN_OR_RETURN(const std::string activation, config.String("hidden_act"));
    if (activation != "silu") {
      return config.Error("hidden_act", absl::StrCat("is \"", activation, "\", supported is: silu"));
    }
  }
  for (const char* field : {"attention_bias", "mlp_bias"}) {
    if (!config.Has(field)) continue;
    ASSIGN_OR_RETURN(const bool bias, config.Boolean(field));
    if (bias) return config.Error(field, "is true, supported is: false");
  }
  if (config.Has("quantization_config")) {
    return config.Error("quantization_config", "is there, but only weights in F32, F16 or BF16 are supported");
  }
  return absl::OkStatus();
}

absl::Status CheckHeads(const JsonObject& config, const LlamaConfig& parsed) {
  if (!config.Has("head_dim") && parsed.d_model % parsed.heads != 0) {
    return config.Error("num_attention_heads", absl::StrCat("is ", parsed.heads, ", which does not divide hidden_size ",
                                                            parsed.d_model, ", and there is no head_dim"));
  }
  if (parsed.heads % parsed.kv_heads != 0) {
    return config.Error(
        "num_key_value_heads",
        absl::StrCat("is ", parsed.kv_heads, ", which does not divide num_attention_heads ", parsed.heads));
  }
  if (parsed.d_head % 2 != 0) {
    return config.Error("head_dim", absl::StrCat("is ", parsed.d_head, ", an even number is needed"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LlamaConfig> ParseLlamaConfig(const JsonObject& config) {
  RETURN_IF_ERROR(CheckIsSupported(config));
  LlamaConfig parsed;
  ASSIGN_OR_RETURN(parsed.vocabulary_size, config.Integer("vocab_size", 1, kMostVocabulary));
  ASSIGN_OR_RETURN(parsed.d_model, config.Integer("hidden_size", 1, kMostWidth));
  ASSIGN_OR_RETURN(parsed.d_mlp, config.Integer("intermediate_size", 1, kMostWidth));
  ASSIGN_OR_RETURN(parsed.layers, config.Integer("num_hidden_layers", 1, kMostLayers));
  ASSIGN_OR_RETURN(parsed.heads, config.Integer("num_attention_heads", 1, kMostLayers));
  ASSIGN_OR_RETURN(parsed.kv_heads, IntegerOr(config, "num_key_value_heads", kMostLayers, parsed.heads));
  ASSIGN_OR_RETURN(parsed.d_head, IntegerOr(config, "head_dim", kMostLayers, parsed.d_model / parsed.heads));
  RETURN_IF_ERROR(CheckHeads(config, parsed));
  ASSIGN_OR_RETURN(parsed.rms_norm_epsilon, PositiveNumber(config, "rms_norm_eps"));
  ASSIGN_OR_RETURN(parsed.rope_theta, ParseRopeTheta(config));
  return parsed;
}

}  // namespace seedbed
