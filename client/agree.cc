#include "client/agree.h"

#include <stdlib.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "client/agreement_report.h"
#include "client/dictionary_folder.h"
#include "client/tool_process.h"
#include "common/file.h"
#include "common/status.h"
#include "google/protobuf/util/json_util.h"

namespace seedbed {
namespace {

absl::StatusOr<std::string> MakeTemporaryFolder() {
  const char* root = getenv("TMPDIR");
  std::string folder = JoinPath(root != nullptr ? root : "/tmp", "seedbed-agree-XXXXXX");
  if (mkdtemp(folder.data()) == nullptr) return ErrnoStatus(errno, folder);
  return folder;
}

absl::StatusOr<v1::Agreement> Parse(const std::string& json) {
  v1::Agreement agreement;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &agreement);
  if (parsed.ok()) return agreement;
  return absl::InternalError(absl::StrCat("seedbed-agree wrote no agreement: ", parsed.ToString()));
}

}  // namespace

absl::Status RunAgreeCommand(const AgreeCommand& options, Console& console) {
  ASSIGN_OR_RETURN(const std::string folder, MakeTemporaryFolder());
  const absl::Cleanup remove = [&folder] { RemoveAll(folder).IgnoreError(); };
  const std::string output = options.output.empty() ? JoinPath(folder, "agreement.json") : options.output;
  std::vector<std::string> arguments = options.passed;
  arguments.insert(arguments.end(), {"--output", output, "--"});
  for (const std::string& source : options.sources) {
    ASSIGN_OR_RETURN(std::string path, DictionaryFolder(source, options.server));
    arguments.push_back(std::move(path));
  }
  RETURN_IF_ERROR(RunToolProcess(options.program, arguments));
  ASSIGN_OR_RETURN(const std::string json, ReadFile(output));
  ASSIGN_OR_RETURN(const v1::Agreement agreement, Parse(json));
  *console.out << (options.json ? json : FormatAgreement(agreement));
  return absl::OkStatus();
}

}  // namespace seedbed
