#include "client/convert.h"

#include <string>

#include "client/dictionary_folder.h"
#include "client/temporary_folder.h"
#include "client/tool_process.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

void PrintFolder(const ConvertOptions& options, Console& console) {
  if (options.json) {
    const nlohmann::json written = {{"path", options.output}};
    *console.out << written.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    *console.out << options.output << "\n";
  }
}

}  // namespace

absl::Status RunExport(const ConvertOptions& options, Console& console) {
  ASSIGN_OR_RETURN(const TemporaryFolder downloads, TemporaryFolder::Make());
  ASSIGN_OR_RETURN(const std::string folder, DictionaryFolder(options.source, options.server, downloads.path()));
  RETURN_IF_ERROR(
      RunToolProcess(options.program, {"--format", options.format, "--output", options.output, "--", folder}));
  PrintFolder(options, console);
  return absl::OkStatus();
}

absl::Status RunImport(const ConvertOptions& options, Console& console) {
  RETURN_IF_ERROR(RunToolProcess(options.program, {"--output", options.output, "--", options.source}));
  PrintFolder(options, console);
  return absl::OkStatus();
}

}  // namespace seedbed
