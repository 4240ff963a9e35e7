#include "sae/lm/rotary_reader.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/lm/config_reader.h"

namespace seedbed {
namespace {

// Both {"rope_type": ...} and the older {"type": ...}.
absl::StatusOr<RotaryScaling> ParseScaling(const JsonObject& rope) {
  for (const char* field : {"rope_type", "type"}) {
    if (!rope.Has(field)) continue;
    ASSIGN_OR_RETURN(const std::string type, rope.String(field));
    if (type == "default") return RotaryScaling::kNone;
    if (type == "linear") return RotaryScaling::kLinear;
    if (type == "llama3") return RotaryScaling::kLlama3;
    return rope.Error(field, absl::StrCat("is ", Quoted(type), ", supported are: default, linear, llama3"));
  }
  return RotaryScaling::kNone;
}

absl::Status ParseScalingFactors(const JsonObject& rope, int64_t context_length, RotaryConfig* rotary) {
  if (rotary->scaling == RotaryScaling::kNone) return absl::OkStatus();
  ASSIGN_OR_RETURN(rotary->factor, PositiveNumber(rope, "factor"));
  if (rotary->scaling != RotaryScaling::kLlama3) return absl::OkStatus();
  ASSIGN_OR_RETURN(rotary->low_frequency_factor, PositiveNumber(rope, "low_freq_factor"));
  ASSIGN_OR_RETURN(rotary->high_frequency_factor, PositiveNumber(rope, "high_freq_factor"));
  if (rotary->high_frequency_factor <= rotary->low_frequency_factor) {
    return rope.Error("high_freq_factor",
                      absl::StrCat("is ", rotary->high_frequency_factor,
                                   ", it must be above low_freq_factor, which is ", rotary->low_frequency_factor));
  }
  if (context_length == 0 || rope.Has("original_max_position_embeddings")) {
    ASSIGN_OR_RETURN(rotary->original_context_length, PositiveNumber(rope, "original_max_position_embeddings"));
  } else {
    rotary->original_context_length = static_cast<double>(context_length);
  }
  return absl::OkStatus();
}

// Of the object `rope` where it has the field, else of config.json itself, else `otherwise`.
absl::StatusOr<double> FromEither(const JsonObject& rope, const std::string& field, const JsonObject& config,
                                  const std::string& older_field, double otherwise) {
  if (rope.Has(field)) return PositiveNumber(rope, field);
  if (older_field.empty()) return otherwise;
  return PositiveNumberOr(config, older_field, otherwise);
}

absl::StatusOr<int64_t> TurnedDimensions(const JsonObject& rope, const JsonObject& config, const RotaryFields& fields,
                                         int64_t d_head) {
  ASSIGN_OR_RETURN(const double fraction,
                   FromEither(rope, "partial_rotary_factor", config, fields.fraction, fields.default_fraction));
  const JsonObject& from = rope.Has("partial_rotary_factor") ? rope : config;
  const std::string field = rope.Has("partial_rotary_factor") ? "partial_rotary_factor" : fields.fraction;
  if (fields.fraction.empty() && fraction != 1) {
    return from.Error(field, absl::StrCat("is ", fraction, ", supported is: 1"));
  }
  const auto dimensions = static_cast<int64_t>(static_cast<double>(d_head) * fraction);
  if (fraction <= 1 && dimensions >= 2 && dimensions % 2 == 0) return dimensions;
  if (fields.fraction.empty()) {
    return config.Error("head_dim", absl::StrCat("is ", d_head, ", an even number is needed"));
  }
  return from.Error(field, absl::StrCat("is ", fraction, ", which turns ", dimensions, " of a head's ", d_head,
                                        " dimensions; an even number of them is needed"));
}

}  // namespace

absl::StatusOr<RotaryConfig> ParseRotary(const JsonObject& config, const RotaryFields& fields, int64_t d_head,
                                         int64_t context_length) {
  ASSIGN_OR_RETURN(JsonObject rope, JsonObject::Parse("{}", config.source()));
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    if (!config.Has(field)) continue;
    ASSIGN_OR_RETURN(rope, config.Object(field));
    for (const char* layer_type : {"full_attention", "sliding_attention"}) {
      if (rope.Has(layer_type)) return rope.Error(layer_type, "is there, but all layers must have the same embedding");
    }
  }
  RotaryConfig rotary;
  ASSIGN_OR_RETURN(rotary.scaling, ParseScaling(rope));
  ASSIGN_OR_RETURN(rotary.theta, FromEither(rope, "rope_theta", config, fields.theta, RotaryConfig().theta));
  RETURN_IF_ERROR(ParseScalingFactors(rope, context_length, &rotary));
  ASSIGN_OR_RETURN(rotary.dimensions, TurnedDimensions(rope, config, fields, d_head));
  return rotary;
}

}  // namespace seedbed
