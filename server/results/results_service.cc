#include "server/results/results_service.h"

#include <string>
#include <utility>

#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/results/stored_report.h"

namespace seedbed {
namespace {

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* ResultsService::ListAgreements(grpc::CallbackServerContext* context,
                                                         const v1::ListAgreementsRequest* request,
                                                         v1::ListAgreementsResponse* response) {
  return Answer(context, List(*request, *response));
}

grpc::ServerUnaryReactor* ResultsService::GetAgreement(grpc::CallbackServerContext* context,
                                                       const v1::GetAgreementRequest* request,
                                                       v1::GetAgreementResponse* response) {
  return Answer(context, Get(*request, *response));
}

grpc::ServerUnaryReactor* ResultsService::GetReport(grpc::CallbackServerContext* context,
                                                    const v1::GetReportRequest* request,
                                                    v1::GetReportResponse* response) {
  absl::StatusOr<std::string> html = StoredReport(*store_, request->sweep_id());
  if (html.ok()) response->set_html(*std::move(html));
  return Answer(context, html.status());
}

absl::Status ResultsService::List(const v1::ListAgreementsRequest& request, v1::ListAgreementsResponse& response) {
  if (request.sweep_id().empty()) return FieldViolationsError({{"sweep_id", "is empty; the id of a sweep is needed"}});
  // Before the store is read, so that the answer never lags behind the number.
  response.set_last_event(last_event_());
  ASSIGN_OR_RETURN(ResultsStore::SweepAgreements found, store_->List(request.sweep_id()));
  for (v1::Agreement& agreement : found.agreements) *response.add_agreements() = std::move(agreement);
  for (const std::string& id : found.pending_sibling_set_ids) response.add_pending_sibling_set_ids(id);
  return absl::OkStatus();
}

absl::Status ResultsService::Get(const v1::GetAgreementRequest& request, v1::GetAgreementResponse& response) {
  if (request.sibling_set_id().empty()) {
    return FieldViolationsError({{"sibling_set_id", "is empty; the id of a sibling set is needed"}});
  }
  ASSIGN_OR_RETURN(*response.mutable_agreement(), store_->Get(request.sibling_set_id()));
  return absl::OkStatus();
}

}  // namespace seedbed
