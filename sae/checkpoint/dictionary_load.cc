#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/expected_tensors.h"
#include "sae/checkpoint/folder_format.h"
#include "sae/checkpoint/manifest.h"

namespace seedbed {
namespace {

// A manifest tells batchtopk and matryoshka, which other libraries store as jumprelu, from it. It tells nothing else
// that cfg.json does not.
absl::Status TakeFromManifest(const Manifest& manifest, const std::string& path, Dictionary* dictionary) {
  const auto error = [&path](absl::string_view message) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": field ", message));
  };
  const bool is_jumprelu = dictionary->architecture == "jumprelu" && HasThreshold(manifest.architecture);
  if (!is_jumprelu && manifest.architecture != dictionary->architecture) {
    return error(absl::StrCat("\"architecture\" is ", Quoted(manifest.architecture), ", but cfg.json is of \"",
                              dictionary->architecture, "\""));
  }
  dictionary->architecture = manifest.architecture;
  if (!is_jumprelu || !HasK(manifest.architecture)) return absl::OkStatus();
  if (manifest.k < 1 || manifest.k > dictionary->latents()) {
    return error(absl::StrCat("\"k\" is ", manifest.k, ", allowed are 1 to ", dictionary->latents()));
  }
  dictionary->k = manifest.k;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Dictionary> LoadDictionary(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::optional<Manifest> manifest, ReadVerifiedManifest(folder));
  ASSIGN_OR_RETURN(const JsonObject config, JsonObject::ReadFrom(JoinPath(folder, kConfigName)));
  ASSIGN_OR_RETURN(const FolderFormat format, RecognizeFolderFormat(config));
  const std::string manifest_path = JoinPath(folder, kManifestName);
  if (manifest.has_value() && manifest->format != format.format) {
    return absl::InvalidArgumentError(absl::StrCat(manifest_path, ": field \"layout\" is \"", NameOf(manifest->format),
                                                   "\", but cfg.json is of \"", NameOf(format.format), "\""));
  }
  ASSIGN_OR_RETURN(const SafetensorsFile weights,
                   SafetensorsFile::Open(JoinPath(folder, WeightsNameOf(format.format))));
  ASSIGN_OR_RETURN(Dictionary dictionary, format.read(config, weights));
  if (manifest.has_value()) RETURN_IF_ERROR(TakeFromManifest(*manifest, manifest_path, &dictionary));
  return dictionary;
}

}  // namespace seedbed
