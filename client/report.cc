#include "client/report.h"

#include "client/connection.h"
#include "common/file.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {

absl::Status RunReport(const ReportOptions& options, Console& console) {
  CoordinatorClient coordinator(options.server);
  // The coordinator knows of a sweep before the results service does.
  for (const std::string& sweep_id : options.sweep_ids) RETURN_IF_ERROR(coordinator.GetSweep(sweep_id).status());
  ASSIGN_OR_RETURN(const std::string address, coordinator.ResultsAddress());
  ASSIGN_OR_RETURN(const std::string html, ResultsClient(address).GetReport(options.sweep_ids));
  RETURN_IF_ERROR(WriteFileDurably(options.output, html));
  if (options.json) {
    const nlohmann::json written = {{"path", options.output}};
    *console.out << written.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    *console.out << options.output << "\n";
  }
  return absl::OkStatus();
}

}  // namespace seedbed
