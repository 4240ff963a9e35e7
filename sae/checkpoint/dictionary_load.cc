#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "ATen/ops/empty.h"
#include "ATen/ops/isfinite.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/manifest.h"
#include "sae/io/json_object.h"
#include "sae/io/safetensors.h"

namespace seedbed {
namespace {

constexpr int64_t kLargestWidth = std::numeric_limits<int32_t>::max();

// The fields of cfg.json that decide what the tensors mean.
struct Config {
  int64_t d_in = 0;
  int64_t latents = 0;
  int64_t k = 0;
};

// A dictionary is x_hat = topk(relu((x - b_dec) W_enc^T + b_enc)) W_dec + b_dec; sparsify can train others too.
absl::Status CheckKind(const JsonObject& json) {
  ASSIGN_OR_RETURN(const std::string activation, json.String("activation"));
  if (activation != "topk") {
    return json.Error("activation", absl::StrCat("is \"", activation, "\", allowed is \"topk\""));
  }
  for (const char* field : {"skip_connection", "transcode"}) {
    if (!json.Has(field)) continue;
    ASSIGN_OR_RETURN(const bool value, json.Boolean(field));
    if (value) return json.Error(field, "is true, allowed is false: this is not an autoencoder");
  }
  return absl::OkStatus();
}

absl::StatusOr<Config> ReadConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const JsonObject json, JsonObject::ReadFrom(path));
  RETURN_IF_ERROR(CheckKind(json));
  Config config;
  ASSIGN_OR_RETURN(config.d_in, json.Integer("d_in", 1, kLargestWidth));
  if (json.Has("num_latents")) {
    ASSIGN_OR_RETURN(config.latents, json.Integer("num_latents", 0, kLargestWidth));
  }
  if (config.latents == 0) {
    ASSIGN_OR_RETURN(const int64_t factor, json.Integer("expansion_factor", 1, kLargestWidth));
    config.latents = factor * config.d_in;
  }
  ASSIGN_OR_RETURN(config.k, json.Integer("k", 1, config.latents));
  return config;
}

std::optional<at::ScalarType> FloatType(TensorType type) {
  switch (type) {
    case TensorType::kF64:
      return at::kDouble;
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kF16:
      return at::kHalf;
    case TensorType::kBF16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<at::Tensor> ReadTensor(const SafetensorsFile& file, const std::string& name,
                                      const std::vector<int64_t>& shape) {
  const auto error = [&](absl::string_view message) {
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": tensor \"", name, "\" ", message));
  };
  ASSIGN_OR_RETURN(const TensorView view, file.Find(name));
  const std::optional<at::ScalarType> type = FloatType(view.type);
  if (!type.has_value()) {
    return error(absl::StrCat("is ", TensorTypeName(view.type), ", allowed are F64, F32, F16 and BF16"));
  }
  if (view.shape != shape) {
    return error(absl::StrCat("has the shape [", absl::StrJoin(view.shape, ", "), "], cfg.json says [",
                              absl::StrJoin(shape, ", "), "]"));
  }
  at::Tensor tensor = at::empty(shape, *type);
  std::copy(view.bytes.begin(), view.bytes.end(), static_cast<char*>(tensor.mutable_data_ptr()));
  tensor = tensor.to(at::kFloat);
  if (!at::isfinite(tensor).all().item<bool>()) return error("holds a value that is not finite");
  return tensor;
}

// The architecture that the manifest names, once every file is as it lists it.
absl::StatusOr<std::string> VerifyManifest(const std::string& folder) {
  const std::string path = JoinPath(folder, kManifestName);
  if (!PathExists(path)) return std::string("topk");
  ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(path));
  for (const char* name : {kConfigName, kWeightsName}) {
    const auto has_name = [name](const ExportedFile& file) { return file.name == name; };
    if (std::none_of(manifest.files.begin(), manifest.files.end(), has_name)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": field \"files\" does not list ", name));
    }
  }
  RETURN_IF_ERROR(VerifyFiles(manifest, folder));
  return manifest.architecture;
}

}  // namespace

absl::StatusOr<Dictionary> LoadDictionary(const std::string& folder) {
  Dictionary dictionary;
  ASSIGN_OR_RETURN(dictionary.architecture, VerifyManifest(folder));
  ASSIGN_OR_RETURN(const Config config, ReadConfig(JoinPath(folder, kConfigName)));
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(JoinPath(folder, kWeightsName)));
  dictionary.k = config.k;
  ASSIGN_OR_RETURN(dictionary.encoder_weight, ReadTensor(file, "encoder.weight", {config.latents, config.d_in}));
  ASSIGN_OR_RETURN(dictionary.encoder_bias, ReadTensor(file, "encoder.bias", {config.latents}));
  ASSIGN_OR_RETURN(dictionary.decoder_weight, ReadTensor(file, "W_dec", {config.latents, config.d_in}));
  ASSIGN_OR_RETURN(dictionary.decoder_bias, ReadTensor(file, "b_dec", {config.d_in}));
  return dictionary;
}

}  // namespace seedbed
