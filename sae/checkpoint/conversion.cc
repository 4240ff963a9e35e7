#include "sae/checkpoint/conversion.h"

#include <unistd.h>

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/folder_format.h"
#include "sae/checkpoint/manifest.h"
#include "sae/checkpoint/readme.h"
#include "sae/checkpoint/run_facts.h"
#include "sae/io/json_object.h"

namespace seedbed {
namespace {

// A string in the SAELens metadata of a cfg.json; empty where there is none.
std::string MetadataText(const nlohmann::json& config, const std::string& field) {
  if (!config.contains("metadata") || !config["metadata"].is_object()) return "";
  const nlohmann::json& metadata = config["metadata"];
  if (!metadata.contains(field) || !metadata[field].is_string()) return "";
  return metadata[field].get<std::string>();
}

// What a folder without a manifest tells, in the places where a run's facts state it.
absl::StatusOr<std::string> FactsOfForeignFolder(const std::string& folder) {
  ASSIGN_OR_RETURN(const JsonObject config, JsonObject::ReadFrom(JoinPath(folder, kConfigName)));
  ASSIGN_OR_RETURN(const FolderFormat format, RecognizeFolderFormat(config));
  ASSIGN_OR_RETURN(const std::string weights_sha256, Sha256OfFile(JoinPath(folder, WeightsNameOf(format.format))));
  const nlohmann::json fields = nlohmann::json::parse(config.ToText());
  nlohmann::json facts = {
      {"imported", {{"format", NameOf(format.format)}, {"config", fields}, {"weights_sha256", weights_sha256}}}};
  const auto add = [](nlohmann::json& object, const char* name, const std::string& text) {
    if (!text.empty()) object[name] = text;
  };
  add(facts, "hookpoint", MetadataText(fields, "hook_name"));
  add(facts, "target_hookpoint", MetadataText(fields, "hook_name_out"));
  facts["stream"] = nlohmann::json::object();
  add(facts["stream"], "model_path", MetadataText(fields, "model_name"));
  return facts.dump();
}

struct Source {
  Dictionary dictionary;
  std::string facts_json;
};

absl::StatusOr<Source> Load(const std::string& folder) {
  Source source;
  ASSIGN_OR_RETURN(source.dictionary, LoadDictionary(folder));
  const std::string manifest_path = JoinPath(folder, kManifestName);
  if (PathExists(manifest_path)) {
    ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(manifest_path));
    source.facts_json = std::move(manifest.facts_json);
  } else {
    ASSIGN_OR_RETURN(source.facts_json, FactsOfForeignFolder(folder));
  }
  return source;
}

absl::Status Write(const Source& source, const std::map<std::string, std::string>& extra_files,
                   const std::string& output, std::optional<DictionaryFormat> format) {
  // The number of this process, so that two that write at once don't stage in one place.
  return ExportDictionary(source.dictionary, source.facts_json, extra_files, getpid(), output, format).status();
}

// Without slashes at the end, which would put what is staged beside it into it.
absl::StatusOr<std::string> OutputFolder(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty()) return absl::InvalidArgumentError("the output folder has an empty name");
  if (!PathExists(path)) return path;
  return absl::AlreadyExistsError(absl::StrCat(path, ": is there already; name a folder that is not"));
}

}  // namespace

absl::Status ExportFolder(const std::string& source, DictionaryFormat format, const std::string& output) {
  ASSIGN_OR_RETURN(const std::string folder, OutputFolder(output));
  ASSIGN_OR_RETURN(const Source loaded, Load(source));
  ASSIGN_OR_RETURN(const JsonObject facts_object,
                   JsonObject::Parse(loaded.facts_json, JoinPath(source, kManifestName)));
  ASSIGN_OR_RETURN(const RunFacts facts, ReadRunFacts(facts_object));
  return Write(loaded, {{kReadmeName, ReadmeText(loaded.dictionary, format, facts)}}, folder, format);
}

absl::Status ImportFolder(const std::string& source, const std::string& output) {
  ASSIGN_OR_RETURN(const std::string folder, OutputFolder(output));
  ASSIGN_OR_RETURN(const Source loaded, Load(source));
  return Write(loaded, {}, folder, std::nullopt);
}

}  // namespace seedbed
