#include "client/dictionary_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/connection.h"
#include "client/format.h"
#include "common/status.h"

namespace seedbed {
namespace {

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

}  // namespace

absl::StatusOr<std::string> DictionaryFolder(const std::string& source, const std::string& server) {
  if (IsFolder(source) || source.find('/') != std::string::npos) return source;
  ASSIGN_OR_RETURN(const v1::Run run, CoordinatorClient(server).GetRun(source));
  if (run.has_result()) return run.result().dictionary().path();
  return absl::FailedPreconditionError(
      absl::StrCat("run ", run.run_id(), " has no dictionary: it is ", FormatState(run.state())));
}

}  // namespace seedbed
