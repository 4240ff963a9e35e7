#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/folder_format.h"
#include "sae/checkpoint/manifest.h"
#include "sae/checkpoint/run_facts.h"
#include "sae/checkpoint/tensor_file.h"

namespace seedbed {
namespace {

absl::Status CheckExtraFiles(const std::map<std::string, std::string>& extra_files, const std::string& weights_name) {
  for (const auto& [name, contents] : extra_files) {
    const bool taken = name == kManifestName || name == kConfigName || name == weights_name;
    if (!IsPlainFileName(name) || taken) {
      return absl::InvalidArgumentError(absl::StrCat("extra file \"", name, "\": the name is taken or no file name"));
    }
  }
  return absl::OkStatus();
}

// Everything but the manifest.
absl::Status WriteContents(const Dictionary& dictionary, const RunFacts& facts, const FolderFormat& format,
                           const std::map<std::string, std::string>& extra_files, const std::string& folder) {
  RETURN_IF_ERROR(WriteTensors(JoinPath(folder, WeightsNameOf(format.format)), dictionary, format.tensors));
  RETURN_IF_ERROR(WriteFileDurably(JoinPath(folder, kConfigName), format.config(dictionary, facts)));
  for (const auto& [name, contents] : extra_files) {
    RETURN_IF_ERROR(WriteFileDurably(JoinPath(folder, name), contents));
  }
  return absl::OkStatus();
}

// Fills in the files and their checksums, and writes it.
absl::StatusOr<ExportedDictionary> WriteManifest(Manifest manifest, const std::string& staged) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(staged));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(ExportedFile file, DescribeFile(staged, name));
    manifest.files.push_back(std::move(file));
  }
  ASSIGN_OR_RETURN(const std::string text, ManifestText(manifest));
  RETURN_IF_ERROR(WriteFileDurably(JoinPath(staged, kManifestName), text));
  ExportedDictionary exported;
  exported.files = std::move(manifest.files);
  exported.manifest_sha256 = Sha256Hex(text);
  return exported;
}

absl::StatusOr<ExportedDictionary> Export(const Dictionary& dictionary, const std::string& facts_json,
                                          const std::map<std::string, std::string>& extra_files, int attempt,
                                          const std::string& folder, std::optional<DictionaryFormat> chosen) {
  RETURN_IF_ERROR(CheckDictionary(dictionary));
  ASSIGN_OR_RETURN(const JsonObject facts_object, JsonObject::Parse(facts_json, "facts"));
  ASSIGN_OR_RETURN(const RunFacts facts, ReadRunFacts(facts_object));
  const FolderFormat format = FolderFormatOf(chosen.value_or(PreferredFormat(dictionary)));
  RETURN_IF_ERROR(format.check_expressible(dictionary));
  RETURN_IF_ERROR(CheckExtraFiles(extra_files, WeightsNameOf(format.format)));

  const std::string staged = StagingFolder(folder, attempt);
  RETURN_IF_ERROR(RemoveAll(staged));  // Of a process that died in the middle of this attempt.
  absl::Cleanup remove_staged = [&staged] { RemoveAll(staged).IgnoreError(); };
  RETURN_IF_ERROR(MakeFolders(staged));
  RETURN_IF_ERROR(WriteContents(dictionary, facts, format, extra_files, staged));
  Manifest manifest = {format.format, dictionary.architecture, dictionary.k, facts.convention, {}, facts_json};
  ASSIGN_OR_RETURN(ExportedDictionary exported, WriteManifest(std::move(manifest), staged));
  RETURN_IF_ERROR(CommitFolder(staged, folder));
  exported.path = folder;
  return exported;
}

}  // namespace

std::string StagingFolder(const std::string& folder, int attempt) {
  return absl::StrCat(folder, ".attempt-", attempt, ".tmp");
}

absl::StatusOr<ExportedDictionary> ExportDictionary(const Dictionary& dictionary, const std::string& facts_json,
                                                    const std::map<std::string, std::string>& extra_files, int attempt,
                                                    const std::string& folder, std::optional<DictionaryFormat> format) {
  absl::StatusOr<ExportedDictionary> exported = Export(dictionary, facts_json, extra_files, attempt, folder, format);
  if (!exported.ok()) return Annotate(exported.status(), absl::StrCat("export ", folder));
  return exported;
}

}  // namespace seedbed
