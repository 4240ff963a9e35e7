#include "client/report.h"

#include "client/connection.h"
#include "common/file.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {

absl::Status RunReport(const ReportOptions& options, Console& console) {
  CoordinatorClient coordinator(options.server);
  ASSIGN_OR_RETURN(const v1::Sweep sweep, coordinator.GetSweep(options.sweep_id));
  ASSIGN_OR_RETURN(const std::string address, coordinator.ResultsAddress());
  ASSIGN_OR_RETURN(const std::string html, ResultsClient(address).GetReport(sweep.sweep_id()));
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
