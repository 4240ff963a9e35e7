#include "sae/lm/language_model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "sae/io/json_object.h"
#include "sae/lm/device.h"
#include "sae/lm/llama.h"
#include "sae/lm/weight_loader.h"

namespace seedbed {
namespace {

using Loader = absl::StatusOr<std::unique_ptr<LanguageModel>> (*)(const JsonObject& config, WeightLoader& weights,
                                                                  const std::vector<Hookpoint>& hookpoints,
                                                                  at::Device device);

// By config.json's model_type.
constexpr std::pair<absl::string_view, Loader> kFamilies[] = {{"llama", LoadLlama}};

absl::StatusOr<Loader> FamilyLoader(const JsonObject& config) {
  ASSIGN_OR_RETURN(const std::string model_type, config.String("model_type"));
  std::string known;
  for (const auto& [name, loader] : kFamilies) {
    if (name == model_type) return loader;
    absl::StrAppend(&known, known.empty() ? "" : ", ", name);
  }
  return config.Error("model_type", absl::StrCat("is \"", model_type, "\", supported are: ", known));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LanguageModel>> LoadLanguageModel(const LanguageModelOptions& options) {
  const std::string& folder = options.folder;
  if (options.with_head) return absl::UnimplementedError("a language model with its head is not supported yet");
  if (options.dtype.value_or(at::kFloat) != at::kFloat) {
    return absl::UnimplementedError("a language model in another type than float32 is not supported yet");
  }
  if (!PathExists(folder)) return absl::NotFoundError(absl::StrCat("model folder ", folder, ": does not exist"));
  ASSIGN_OR_RETURN(const at::Device parsed_device, ParseDevice(options.device));
  ASSIGN_OR_RETURN(const JsonObject config, JsonObject::ReadFrom(JoinPath(folder, "config.json")));
  ASSIGN_OR_RETURN(const Loader load, FamilyLoader(config));
  ASSIGN_OR_RETURN(WeightLoader weights, WeightLoader::Open(folder));
  return load(config, weights, options.hookpoints, parsed_device);
}

}  // namespace seedbed
