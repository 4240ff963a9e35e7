#include "sae/checkpoint/manifest.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/quoted.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/io/json_object.h"

namespace seedbed {
namespace {

constexpr char kSchema[] = "seedbed-dictionary/1";

absl::Status CheckLists(const JsonObject& object, const Manifest& manifest, const std::string& name) {
  const auto has_name = [&name](const ExportedFile& file) { return file.name == name; };
  if (std::any_of(manifest.files.begin(), manifest.files.end(), has_name)) return absl::OkStatus();
  return object.Error("files", absl::StrCat("does not list ", name));
}

absl::Status ParseFiles(const JsonObject& object, Manifest* manifest) {
  ASSIGN_OR_RETURN(manifest->files, ReadFileList(object));
  RETURN_IF_ERROR(CheckLists(object, *manifest, kConfigName));
  return CheckLists(object, *manifest, WeightsNameOf(manifest->format));
}

// What a manifest need not state.
absl::Status ParseOptional(const JsonObject& object, Manifest* manifest) {
  if (object.Has("layout")) {
    ASSIGN_OR_RETURN(const std::string layout, object.String("layout"));
    const absl::StatusOr<DictionaryFormat> format = ParseDictionaryFormat(layout);
    if (!format.ok()) return object.Error("layout", absl::StrCat("is wrong: ", format.status().message()));
    manifest->format = *format;
  }
  if (object.Has("convention")) {
    ASSIGN_OR_RETURN(manifest->convention, object.String("convention"));
  }
  if (object.Has("facts")) {
    ASSIGN_OR_RETURN(const JsonObject facts, object.Object("facts"));
    manifest->facts_json = facts.ToText();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ManifestText(const Manifest& manifest) {
  nlohmann::json facts = nlohmann::json::parse(manifest.facts_json, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!facts.is_object()) return absl::InvalidArgumentError("manifest.json: the facts are not a JSON object");
  nlohmann::json whole = {
      {"format", kSchema}, {"layout", NameOf(manifest.format)},     {"architecture", manifest.architecture},
      {"k", manifest.k},   {"files", FileListJson(manifest.files)}, {"facts", std::move(facts)}};
  if (!manifest.convention.empty()) whole["convention"] = manifest.convention;
  return absl::StrCat(whole.dump(/*indent=*/2, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace),
                      "\n");
}

absl::StatusOr<Manifest> ReadManifest(const std::string& path) {
  ASSIGN_OR_RETURN(const JsonObject object, JsonObject::ReadFrom(path));
  ASSIGN_OR_RETURN(const std::string schema, object.String("format"));
  if (schema != kSchema) {
    return object.Error("format", absl::StrCat("is ", Quoted(schema), ", allowed is \"", kSchema, "\""));
  }
  Manifest manifest;
  ASSIGN_OR_RETURN(manifest.architecture, object.String("architecture"));
  ASSIGN_OR_RETURN(manifest.k, object.Integer("k", 0, std::numeric_limits<int64_t>::max()));
  RETURN_IF_ERROR(ParseOptional(object, &manifest));
  RETURN_IF_ERROR(ParseFiles(object, &manifest));
  return manifest;
}

absl::Status VerifyFiles(const Manifest& manifest, const std::string& folder) {
  for (const ExportedFile& file : manifest.files) RETURN_IF_ERROR(VerifyFile(folder, file));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Manifest>> ReadVerifiedManifest(const std::string& folder) {
  const std::string path = JoinPath(folder, kManifestName);
  if (!PathExists(path)) return std::optional<Manifest>();
  ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(path));
  RETURN_IF_ERROR(VerifyFiles(manifest, folder));
  return std::optional<Manifest>(std::move(manifest));
}

}  // namespace seedbed
