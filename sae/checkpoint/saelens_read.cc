#include <algorithm>
#include <cmath>
#include <utility>

#include "ATen/ops/clamp_min.h"
#include "ATen/ops/div.h"
#include "ATen/ops/exp.h"
#include "ATen/ops/full.h"
#include "ATen/ops/mul.h"
#include "ATen/ops/norm.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/checkpoint/expected_tensors.h"
#include "sae/checkpoint/saelens_format.h"
#include "sae/lm/config_reader.h"

namespace seedbed {
namespace {

constexpr double kLeastNorm = 1e-8;  // SAELens divides by no smaller one.
constexpr char kScalerName[] = "activation_scaler.json";

// What cfg.json says beside the shapes.
struct Config {
  SaeLensArchitecture architecture;
  DictionaryShape shape;
  int64_t k = 0;
  bool centers_input = true;
  bool rescales_by_decoder_norm = false;
  double input_scale = 1;  // Inputs are multiplied by it.
};

// The folders of version 5 and before have other fields.
absl::Status CheckVersion(const JsonObject& config) {
  JsonObject place = config;
  if (!config.Has("sae_lens_version") && config.Has("metadata")) {
    ASSIGN_OR_RETURN(place, config.Object("metadata"));
  }
  std::string version = "absent";
  if (place.Has("sae_lens_version")) {
    ASSIGN_OR_RETURN(version, place.String("sae_lens_version"));
  }
  int major = 0;
  if (absl::SimpleAtoi(version.substr(0, version.find('.')), &major) && major >= 6) return absl::OkStatus();
  return place.Error("sae_lens_version", absl::StrCat("is ", Quoted(version),
                                                      ", needed is 6.0 or later; SAELens 6 reads an older folder "
                                                      "and saves it anew"));
}

absl::StatusOr<SaeLensArchitecture> ReadArchitecture(const JsonObject& config) {
  ASSIGN_OR_RETURN(const std::string name, config.String("architecture"));
  for (const SaeLensArchitecture& known : SaeLensArchitectures()) {
    if (name == known.name) return known;
  }
  const auto append_name = [](std::string* out, const SaeLensArchitecture& known) { absl::StrAppend(out, known.name); };
  return config.Error("architecture", absl::StrCat("is ", Quoted(name), ", allowed are ",
                                                   absl::StrJoin(SaeLensArchitectures(), ", ", append_name)));
}

absl::StatusOr<std::string> TextOr(const JsonObject& config, const std::string& field, const std::string& otherwise) {
  if (!config.Has(field)) return otherwise;
  return config.String(field);
}

// SAELens writes the scale into a file of its own, beside a checkpoint that was not folded yet.
absl::StatusOr<double> ReadScaler(const JsonObject& config) {
  const std::string path = JoinPath(config.source().substr(0, config.source().rfind('/')), kScalerName);
  if (!PathExists(path)) {
    return config.Error("normalize_activations", absl::StrCat("is \"expected_average_only_in\", but there is no ",
                                                              kScalerName, " that states the scale"));
  }
  ASSIGN_OR_RETURN(const JsonObject scaler, JsonObject::ReadFrom(path));
  ASSIGN_OR_RETURN(const bool whitens, BooleanOr(scaler, "has_whitening", false));
  if (whitens) return scaler.Error("has_whitening", "is true, allowed is a scale alone");
  ASSIGN_OR_RETURN(const double scale, scaler.Number("scaling_factor"));
  if (std::isfinite(static_cast<float>(scale)) && static_cast<float>(scale) > 0) return scale;
  return scaler.Error("scaling_factor", absl::StrCat("is ", scale, ", a number above 0 is needed"));
}

absl::StatusOr<double> ReadInputScale(const JsonObject& config) {
  ASSIGN_OR_RETURN(const std::string reshape, TextOr(config, "reshape_activations", "none"));
  // "hook_z" joins the heads of an attention layer's rows, which come joined here.
  if (reshape != "none" && reshape != "hook_z") {
    return config.Error("reshape_activations", absl::StrCat("is ", Quoted(reshape), ", allowed are none and hook_z"));
  }
  ASSIGN_OR_RETURN(const std::string normalization, TextOr(config, "normalize_activations", "none"));
  if (normalization == "none") return 1.0;
  if (normalization == "expected_average_only_in") return ReadScaler(config);
  return config.Error("normalize_activations",
                      absl::StrCat("is ", Quoted(normalization),
                                   ", which depends on each row; allowed are none and expected_average_only_in"));
}

// batchtopk's is a mean, and may have a fraction.
absl::StatusOr<int64_t> ReadK(const JsonObject& config, const DictionaryShape& shape) {
  if (!HasK(shape.architecture)) return 0;
  if (shape.architecture == "topk") return config.Integer("k", 1, shape.latents);
  ASSIGN_OR_RETURN(const double k, config.Number("k"));
  if (!(k > 0 && k <= static_cast<double>(shape.latents))) {
    return config.Error("k", absl::StrCat("is ", k, ", allowed are numbers above 0, and ", shape.latents, " at most"));
  }
  return std::max<int64_t>(1, std::llround(k));
}

absl::StatusOr<Config> ReadConfig(const JsonObject& json) {
  RETURN_IF_ERROR(CheckVersion(json));
  Config config;
  ASSIGN_OR_RETURN(config.architecture, ReadArchitecture(json));
  config.shape.architecture = config.architecture.ours;
  config.shape.skip = config.architecture.skip;
  ASSIGN_OR_RETURN(config.shape.d_in, json.Integer("d_in", 1, kLargestWidth));
  ASSIGN_OR_RETURN(config.shape.latents, json.Integer("d_sae", 1, kLargestWidth));
  config.shape.d_out = config.shape.d_in;
  if (config.architecture.transcoder) {
    ASSIGN_OR_RETURN(config.shape.d_out, json.Integer("d_out", 1, kLargestWidth));
    config.centers_input = false;
  } else {
    ASSIGN_OR_RETURN(config.centers_input, BooleanOr(json, "apply_b_dec_to_input", true));
  }
  ASSIGN_OR_RETURN(config.input_scale, ReadInputScale(json));
  if (config.architecture.transcoder && config.input_scale != 1) {
    return json.Error("normalize_activations", "scales the input of a transcoder, allowed is none");
  }
  ASSIGN_OR_RETURN(config.k, ReadK(json, config.shape));
  if (HasK(config.shape.architecture)) {
    ASSIGN_OR_RETURN(config.rescales_by_decoder_norm, BooleanOr(json, "rescale_acts_by_decoder_norm", false));
  }
  return config;
}

std::vector<ExpectedFileTensor> WithoutThreshold(std::vector<ExpectedFileTensor> expected) {
  const auto is_threshold = [](const ExpectedFileTensor& tensor) {
    return tensor.field.member == &SaeTensors::threshold;
  };
  expected.erase(std::remove_if(expected.begin(), expected.end(), is_threshold), expected.end());
  return expected;
}

// A training SAE keeps one threshold for all latents (batchtopk, matryoshka), and in version 6.0 the logarithm of
// jumprelu's.
absl::StatusOr<SaeTensors> ReadTensorsOf(const Config& config, const SafetensorsFile& weights) {
  const std::vector<ExpectedFileTensor> expected = ExpectedTensors(config.shape);
  if (HasK(config.shape.architecture) && HasThreshold(config.shape.architecture)) {
    ASSIGN_OR_RETURN(SaeTensors tensors,
                     ReadTensors(weights, WithoutThreshold(expected), SaeLensTensors(), {"topk_threshold"}));
    ASSIGN_OR_RETURN(const at::Tensor threshold, ReadTensor(weights, "topk_threshold", {}));
    tensors.threshold = at::full({config.shape.latents}, threshold.item<float>(), threshold.options());
    return tensors;
  }
  if (config.shape.architecture == "jumprelu" && weights.tensors().count("log_threshold") > 0) {
    ASSIGN_OR_RETURN(SaeTensors tensors,
                     ReadTensors(weights, WithoutThreshold(expected), SaeLensTensors(), {"log_threshold"}));
    ASSIGN_OR_RETURN(const at::Tensor logarithm, ReadTensor(weights, "log_threshold", {config.shape.latents}));
    tensors.threshold = at::exp(logarithm);
    return tensors;
  }
  return ReadTensors(weights, expected, SaeLensTensors());
}

// Inputs come unscaled, and so do reconstructions; activations stay. Where pre-activations are multiplied by the norms
// of decoder rows, which become smaller by the scale, their threshold does, too.
void FoldInputScale(const Config& config, SaeTensors* tensors) {
  if (config.input_scale == 1) return;
  tensors->encoder_weight = at::mul(tensors->encoder_weight, config.input_scale);
  tensors->decoder_weight = at::div(tensors->decoder_weight, config.input_scale);
  tensors->decoder_bias = at::div(tensors->decoder_bias, config.input_scale);
  if (config.rescales_by_decoder_norm && tensors->threshold.defined()) {
    tensors->threshold = at::div(tensors->threshold, config.input_scale);
  }
}

// f = select(norm (W c + b)), x_hat = (f / norm) W_dec + b_dec.
void FoldDecoderNorms(SaeTensors* tensors) {
  const at::Tensor norms = at::clamp_min(at::norm(tensors->decoder_weight, 2, {1}), kLeastNorm);
  tensors->encoder_weight = at::mul(tensors->encoder_weight, norms.unsqueeze(1));
  tensors->encoder_bias = at::mul(tensors->encoder_bias, norms);
  tensors->decoder_weight = at::div(tensors->decoder_weight, norms.unsqueeze(1));
}

}  // namespace

absl::StatusOr<Dictionary> ReadSaeLens(const JsonObject& json, const SafetensorsFile& weights) {
  ASSIGN_OR_RETURN(const Config config, ReadConfig(json));
  Dictionary dictionary;
  dictionary.architecture = config.shape.architecture;
  dictionary.k = config.k;
  dictionary.centers_input = config.centers_input;
  ASSIGN_OR_RETURN(static_cast<SaeTensors&>(dictionary), ReadTensorsOf(config, weights));
  FoldInputScale(config, &dictionary);
  if (config.rescales_by_decoder_norm) FoldDecoderNorms(&dictionary);
  return dictionary;
}

}  // namespace seedbed
