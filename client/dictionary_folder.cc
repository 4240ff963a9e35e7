#include "client/dictionary_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/artifact_download.h"
#include "client/connection.h"
#include "client/format.h"
#include "common/file.h"
#include "common/status.h"

namespace seedbed {
namespace {

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

}  // namespace

absl::StatusOr<std::string> DictionaryFolder(const std::string& source, const std::string& server,
                                             const std::string& downloads) {
  if (IsFolder(source) || source.find('/') != std::string::npos) return source;
  CoordinatorClient coordinator(server);
  ASSIGN_OR_RETURN(const v1::Run run, coordinator.GetRun(std::string(absl::StripPrefix(source, "run:"))));
  if (!run.has_result()) {
    return absl::FailedPreconditionError(
        absl::StrCat("run ", run.run_id(), " has no dictionary: it is ", FormatState(run.state())));
  }
  const std::string& path = run.result().dictionary().path();
  if (IsFolder(path)) return path;
  ASSIGN_OR_RETURN(const std::string address, coordinator.ResultsAddress());
  std::string downloaded = JoinPath(downloads, run.run_id());
  if (PathExists(downloaded)) return downloaded;
  RETURN_IF_ERROR(DownloadArtifact(address, run.run_id(), downloaded));
  return downloaded;
}

}  // namespace seedbed
