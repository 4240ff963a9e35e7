#include "sae/checkpoint/manifest.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/io/json_object.h"

namespace seedbed {
namespace {

constexpr char kFormat[] = "seedbed-dictionary/1";
constexpr size_t kLargestManifest = size_t{16} << 20;

absl::StatusOr<ExportedFile> ParseFile(const nlohmann::json& entry, const std::string& source) {
  ASSIGN_OR_RETURN(const JsonObject object, JsonObject::Parse(entry.dump(), absl::StrCat(source, ": field \"files\"")));
  ExportedFile file;
  ASSIGN_OR_RETURN(file.name, object.String("name"));
  if (!IsPlainFileName(file.name)) return object.Error("name", "names no file of the folder itself");
  ASSIGN_OR_RETURN(file.bytes, object.Integer("bytes", 0, std::numeric_limits<int64_t>::max()));
  ASSIGN_OR_RETURN(file.sha256, object.String("sha256"));
  return file;
}

absl::StatusOr<std::vector<ExportedFile>> ParseFiles(const std::string& text, const JsonObject& object) {
  const nlohmann::json json = nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  const auto found = json.find("files");
  if (found == json.end() || !found->is_array()) return object.Error("files", "is missing or is not a list");
  std::vector<ExportedFile> files;
  for (const nlohmann::json& entry : *found) {
    ASSIGN_OR_RETURN(ExportedFile file, ParseFile(entry, object.source()));
    files.push_back(std::move(file));
  }
  return files;
}

absl::Status VerifyFile(const ExportedFile& file, const std::string& path) {
  if (!PathExists(path)) return absl::DataLossError(absl::StrCat(path, ": is missing, but manifest.json lists it"));
  ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(path));
  if (sha256 == file.sha256) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(path, ": is damaged: its SHA-256 is ", sha256, ", manifest.json says ", file.sha256));
}

}  // namespace

bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

absl::StatusOr<std::string> ManifestText(const Manifest& manifest, const std::string& facts_json) {
  nlohmann::json facts = nlohmann::json::parse(facts_json, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!facts.is_object()) return absl::InvalidArgumentError("manifest.json: the facts are not a JSON object");
  nlohmann::json files = nlohmann::json::array();
  for (const ExportedFile& file : manifest.files) {
    files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  const nlohmann::json whole = {{"format", kFormat},
                                {"architecture", manifest.architecture},
                                {"k", manifest.k},
                                {"files", std::move(files)},
                                {"facts", std::move(facts)}};
  return absl::StrCat(whole.dump(/*indent=*/2, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace),
                      "\n");
}

absl::StatusOr<Manifest> ReadManifest(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kLargestManifest));
  ASSIGN_OR_RETURN(const JsonObject object, JsonObject::Parse(text, path));
  ASSIGN_OR_RETURN(const std::string format, object.String("format"));
  if (format != kFormat) {
    return object.Error("format", absl::StrCat("is \"", format, "\", allowed is \"", kFormat, "\""));
  }
  Manifest manifest;
  ASSIGN_OR_RETURN(manifest.architecture, object.String("architecture"));
  ASSIGN_OR_RETURN(manifest.k, object.Integer("k", 1, std::numeric_limits<int64_t>::max()));
  ASSIGN_OR_RETURN(manifest.files, ParseFiles(text, object));
  return manifest;
}

absl::Status VerifyFiles(const Manifest& manifest, const std::string& folder) {
  for (const ExportedFile& file : manifest.files) RETURN_IF_ERROR(VerifyFile(file, JoinPath(folder, file.name)));
  return absl::OkStatus();
}

}  // namespace seedbed
