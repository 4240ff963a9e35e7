#include "sae/lm/config_reader.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/quoted.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr std::pair<absl::string_view, Activation> kActivations[] = {{"silu", Activation::kSilu},
                                                                     {"gelu", Activation::kGelu},
                                                                     {"gelu_new", Activation::kGeluTanh},
                                                                     {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                                     {"gelu_fast", Activation::kGeluTanh}};

constexpr char kSliding[] = "sliding_attention";
constexpr char kFull[] = "full_attention";

}  // namespace

absl::StatusOr<int64_t> IntegerOr(const JsonObject& config, const std::string& field, int64_t most, int64_t otherwise) {
  if (!config.Has(field)) return otherwise;
  return config.Integer(field, 1, most);
}

absl::StatusOr<bool> BooleanOr(const JsonObject& config, const std::string& field, bool otherwise) {
  if (!config.Has(field)) return otherwise;
  return config.Boolean(field);
}

absl::StatusOr<double> PositiveNumber(const JsonObject& config, const std::string& field) {
  ASSIGN_OR_RETURN(const double value, config.Number(field));
  if (std::isfinite(value) && value > 0) return value;
  return config.Error(field, absl::StrCat("is ", value, ", a number above 0 is needed"));
}

absl::StatusOr<double> PositiveNumberOr(const JsonObject& config, const std::string& field, double otherwise) {
  if (!config.Has(field)) return otherwise;
  return PositiveNumber(config, field);
}

absl::StatusOr<Activation> ParseActivation(const JsonObject& config, const std::string& field,
                                           absl::string_view otherwise) {
  std::string name(otherwise);
  if (config.Has(field)) {
    ASSIGN_OR_RETURN(name, config.String(field));
  }
  for (const auto& [known, activation] : kActivations) {
    if (name == known) return activation;
  }
  const std::string supported = absl::StrJoin(
      kActivations, ", ", [](std::string* out, const auto& activation) { absl::StrAppend(out, activation.first); });
  return config.Error(field, absl::StrCat("is ", Quoted(name), ", supported are: ", supported));
}

absl::Status CheckIsNotQuantised(const JsonObject& config) {
  if (!config.Has("quantization_config")) return absl::OkStatus();
  return config.Error("quantization_config", "is there, but only weights in F32, F16 or BF16 are supported");
}

absl::Status CheckIs(const JsonObject& config, const std::string& field, bool supported) {
  ASSIGN_OR_RETURN(const bool value, BooleanOr(config, field, supported));
  if (value == supported) return absl::OkStatus();
  return config.Error(field, value ? "is true, supported is: false" : "is false, supported is: true");
}

absl::StatusOr<std::vector<int64_t>> ParseWindows(const JsonObject& config, int64_t layers, int64_t window,
                                                  const std::function<bool(int64_t)>& slides) {
  std::vector<std::string> types;
  if (config.Has("layer_types")) {
    ASSIGN_OR_RETURN(types, config.StringList("layer_types"));
    if (static_cast<int64_t>(types.size()) != layers) {
      return config.Error("layer_types", absl::StrCat("has ", types.size(), " entries for ", layers, " layers"));
    }
  } else {
    for (int64_t layer = 0; layer < layers; ++layer) types.push_back(slides(layer) ? kSliding : kFull);
  }
  std::vector<int64_t> windows;
  for (const std::string& type : types) {
    if (type != kSliding && type != kFull) {
      return config.Error("layer_types", absl::StrCat("has \"", type, "\", supported are: ", kSliding, ", ", kFull));
    }
    if (type == kSliding && window == 0) {
      return config.Error("layer_types", absl::StrCat("has \"", kSliding, "\", but there is no sliding_window"));
    }
    windows.push_back(type == kSliding ? window : 0);
  }
  return windows;
}

}  // namespace seedbed
