#include "server/results/stored_report.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/results/report/report_page.h"

namespace seedbed {

namespace {

absl::Status AddSweep(ResultsStore& store, const std::string& sweep_id, v1::ListAgreementsResponse* response) {
  if (sweep_id.empty()) return FieldViolationsError({{"sweep_id", "is empty; the id of a sweep is needed"}});
  ASSIGN_OR_RETURN(ResultsStore::SweepAgreements found, store.List(sweep_id));
  if (found.agreements.empty() && found.pending_sibling_set_ids.empty()) {
    return absl::NotFoundError(
        absl::StrCat("sweep ", Quoted(sweep_id), ": no sibling set of it has finished; its report comes when one has"));
  }
  for (v1::Agreement& agreement : found.agreements) *response->add_agreements() = std::move(agreement);
  for (const std::string& id : found.pending_sibling_set_ids) response->add_pending_sibling_set_ids(id);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> StoredReport(ResultsStore& store, const std::vector<std::string>& sweep_ids) {
  v1::ListAgreementsResponse response;
  for (const std::string& sweep_id : sweep_ids) RETURN_IF_ERROR(AddSweep(store, sweep_id, &response));
  return RenderReport(sweep_ids, response, SEEDBED_VERSION);
}

}  // namespace seedbed
