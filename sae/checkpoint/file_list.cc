#include "sae/checkpoint/file_list.h"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

absl::StatusOr<ExportedFile> ReadEntry(const JsonObject& entry) {
  ExportedFile file;
  ASSIGN_OR_RETURN(file.name, entry.String("name"));
  if (!IsPlainFileName(file.name)) return entry.Error("name", "names no file of the folder itself");
  ASSIGN_OR_RETURN(file.bytes, entry.Integer("bytes", 0, std::numeric_limits<int64_t>::max()));
  ASSIGN_OR_RETURN(file.sha256, entry.String("sha256"));
  return file;
}

}  // namespace

bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

absl::StatusOr<ExportedFile> DescribeFile(const std::string& folder, const std::string& name) {
  ExportedFile file;
  file.name = name;
  const std::string path = JoinPath(folder, name);
  ASSIGN_OR_RETURN(file.sha256, Sha256OfFile(path));
  std::error_code error;
  file.bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return ErrnoStatus(error.value(), path);
  return file;
}

absl::Status VerifyFile(const std::string& folder, const ExportedFile& file) {
  const std::string path = JoinPath(folder, file.name);
  if (!PathExists(path)) return absl::DataLossError(absl::StrCat(path, ": is missing, but manifest.json lists it"));
  ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(path));
  if (sha256 == file.sha256) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(path, ": is damaged: its SHA-256 is ", sha256, ", manifest.json says ", file.sha256));
}

absl::StatusOr<std::vector<ExportedFile>> ReadFileList(const JsonObject& manifest) {
  ASSIGN_OR_RETURN(const std::vector<JsonObject> entries, manifest.ObjectList("files"));
  std::vector<ExportedFile> files;
  for (const JsonObject& entry : entries) {
    ASSIGN_OR_RETURN(ExportedFile file, ReadEntry(entry));
    files.push_back(std::move(file));
  }
  return files;
}

nlohmann::json FileListJson(const std::vector<ExportedFile>& files) {
  nlohmann::json list = nlohmann::json::array();
  for (const ExportedFile& file : files) {
    list.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return list;
}

}  // namespace seedbed
