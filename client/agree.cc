#include "client/agree.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agreement_report.h"
#include "client/dictionary_folder.h"
#include "client/temporary_folder.h"
#include "client/tool_process.h"
#include "common/file.h"
#include "common/status.h"
#include "google/protobuf/util/json_util.h"

namespace seedbed {
namespace {

absl::StatusOr<v1::Agreement> Parse(const std::string& json) {
  v1::Agreement agreement;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &agreement);
  if (parsed.ok()) return agreement;
  return absl::InternalError(absl::StrCat("seedbed-agree wrote no agreement: ", parsed.ToString()));
}

}  // namespace

absl::Status RunAgreeCommand(const AgreeCommand& options, Console& console) {
  ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Make());
  const std::string output = options.output.empty() ? JoinPath(folder.path(), "agreement.json") : options.output;
  std::vector<std::string> arguments = options.passed;
  arguments.insert(arguments.end(), {"--output", output, "--"});
  for (const std::string& source : options.sources) {
    ASSIGN_OR_RETURN(std::string path, DictionaryFolder(source, options.server, folder.path()));
    arguments.push_back(std::move(path));
  }
  RETURN_IF_ERROR(RunToolProcess(options.program, arguments));
  ASSIGN_OR_RETURN(const std::string json, ReadFile(output));
  ASSIGN_OR_RETURN(const v1::Agreement agreement, Parse(json));
  if (options.form.format == "json") *console.out << json;
  if (options.form.format == "table") *console.out << FormatAgreement(agreement);
  return WriteAgreementTables(options.form, {agreement}, console);
}

}  // namespace seedbed
