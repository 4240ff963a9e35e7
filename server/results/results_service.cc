#include "server/results/results_service.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/results/agreement_watch.h"
#include "server/results/comparison.h"
#include "server/results/latent_tables.h"
#include "server/results/message_stream.h"
#include "server/results/stored_report.h"

namespace seedbed {
namespace {

constexpr int kMostCompared = 64;
constexpr double kDefaultThreshold = 0.7;

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

absl::Status CheckSetId(const std::string& id) {
  if (!id.empty()) return absl::OkStatus();
  return FieldViolationsError({{"sibling_set_id", "is empty; the id of a sibling set is needed"}});
}

void CheckThreshold(double threshold, std::vector<FieldViolation>* violations) {
  if (threshold >= -1 && threshold <= 1) return;
  violations->push_back({"threshold", absl::StrCat("is ", threshold, "; must be -1..1")});
}

absl::Status CheckComparison(const v1::CompareDictionariesRequest& request) {
  std::vector<FieldViolation> violations;
  const int runs = request.run_ids_size();
  if (runs < 2 || runs > kMostCompared) {
    violations.push_back({"run_ids", absl::StrCat("has ", runs, " ids; must have 2..", kMostCompared)});
  }
  std::set<std::string> seen;
  for (int i = 0; i < runs; ++i) {
    if (seen.insert(request.run_ids(i)).second) continue;
    violations.push_back({absl::StrCat("run_ids[", i, "]"),
                          absl::StrCat("is ", Quoted(request.run_ids(i)), " once more; all must differ")});
  }
  if (request.has_threshold()) CheckThreshold(request.threshold(), &violations);
  const int members = request.consensus_members();
  if (members != 0 && (members < 2 || members > runs)) {
    violations.push_back(
        {"consensus_members",
         absl::StrCat("is ", members, "; must be 0, or from 2 to the number of run_ids (", runs, ")")});
  }
  return violations.empty() ? absl::OkStatus() : FieldViolationsError(violations);
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
  absl::StatusOr<v1::Agreement> agreement = Get(*request);
  if (agreement.ok()) *response->mutable_agreement() = *std::move(agreement);
  return Answer(context, agreement.status());
}

grpc::ServerWriteReactor<v1::WatchAgreementResponse>* ResultsService::WatchAgreement(
    grpc::CallbackServerContext*, const v1::WatchAgreementRequest* request) {
  if (request->sweep_id().empty()) {
    return MessageStream<v1::WatchAgreementResponse>::Fail(
        FieldViolationsError({{"sweep_id", "is empty; the id of a sweep is needed"}}));
  }
  return AgreementWatch::Start(parts_.store, parts_.feed, request->sweep_id());
}

grpc::ServerUnaryReactor* ResultsService::CompareDictionaries(grpc::CallbackServerContext* context,
                                                              const v1::CompareDictionariesRequest* request,
                                                              v1::CompareDictionariesResponse* response) {
  return Answer(context, Compare(*request, *response));
}

grpc::ServerWriteReactor<v1::StreamLatentsResponse>* ResultsService::StreamLatents(
    grpc::CallbackServerContext*, const v1::StreamLatentsRequest* request) {
  absl::StatusOr<std::vector<v1::StreamLatentsResponse>> chunks = LatentChunks(*request);
  if (!chunks.ok()) return MessageStream<v1::StreamLatentsResponse>::Fail(chunks.status());
  return MessageStream<v1::StreamLatentsResponse>::Start(*std::move(chunks));
}

grpc::ServerUnaryReactor* ResultsService::GetReport(grpc::CallbackServerContext* context,
                                                    const v1::GetReportRequest* request,
                                                    v1::GetReportResponse* response) {
  std::vector<std::string> sweep_ids = {request->sweep_id()};
  sweep_ids.insert(sweep_ids.end(), request->other_sweep_ids().begin(), request->other_sweep_ids().end());
  absl::StatusOr<std::string> html = StoredReport(*parts_.store, sweep_ids);
  if (html.ok()) response->set_html(*std::move(html));
  return Answer(context, html.status());
}

absl::Status ResultsService::List(const v1::ListAgreementsRequest& request, v1::ListAgreementsResponse& response) {
  if (request.sweep_id().empty()) return FieldViolationsError({{"sweep_id", "is empty; the id of a sweep is needed"}});
  // Before the store is read, so that the answer never lags behind the number.
  response.set_last_event(parts_.last_event());
  ASSIGN_OR_RETURN(ResultsStore::SweepAgreements found, parts_.store->List(request.sweep_id()));
  for (v1::Agreement& agreement : found.agreements) *response.add_agreements() = std::move(agreement);
  for (const std::string& id : found.pending_sibling_set_ids) response.add_pending_sibling_set_ids(id);
  return absl::OkStatus();
}

absl::StatusOr<v1::Agreement> ResultsService::Get(const v1::GetAgreementRequest& request) {
  RETURN_IF_ERROR(CheckSetId(request.sibling_set_id()));
  if (!request.has_threshold()) return parts_.store->Get(request.sibling_set_id());
  std::vector<FieldViolation> violations;
  CheckThreshold(request.threshold(), &violations);
  if (!violations.empty()) return FieldViolationsError(violations);
  return GetAtThreshold(request.sibling_set_id(), request.threshold());
}

absl::StatusOr<v1::Agreement> ResultsService::GetAtThreshold(const std::string& id, double threshold) {
  ASSIGN_OR_RETURN(const v1::Agreement request, parts_.store->FindRequest(id));
  if (request.threshold() == threshold || request.has_failure()) return parts_.store->Get(id);
  const v1::Agreement other = AtThreshold(request, threshold);
  RETURN_IF_ERROR(parts_.store->AddRequest(other));
  parts_.on_request();
  ASSIGN_OR_RETURN(v1::Agreement agreement, parts_.store->Get(other.sibling_set_id()));
  agreement.set_sweep_id(request.sweep_id());
  agreement.set_sibling_set_id(id);
  return agreement;
}

absl::Status ResultsService::Compare(const v1::CompareDictionariesRequest& request,
                                     v1::CompareDictionariesResponse& response) {
  RETURN_IF_ERROR(CheckComparison(request));
  std::vector<v1::Run> runs;
  for (const std::string& id : request.run_ids()) {
    ASSIGN_OR_RETURN(v1::Run run, parts_.store->FindRun(id));
    runs.push_back(std::move(run));
  }
  const v1::Agreement comparison = RequestForRuns(
      runs, request.has_threshold() ? request.threshold() : kDefaultThreshold, request.consensus_members());
  RETURN_IF_ERROR(parts_.store->AddRequest(comparison));
  parts_.on_request();
  response.set_comparison_id(comparison.sibling_set_id());
  absl::StatusOr<v1::Agreement> known = parts_.store->Get(comparison.sibling_set_id());
  if (known.ok()) *response.mutable_agreement() = *std::move(known);
  return absl::IsFailedPrecondition(known.status()) ? absl::OkStatus() : known.status();
}

absl::StatusOr<std::vector<v1::StreamLatentsResponse>> ResultsService::LatentChunks(
    const v1::StreamLatentsRequest& request) {
  RETURN_IF_ERROR(CheckSetId(request.sibling_set_id()));
  ASSIGN_OR_RETURN(const v1::Agreement agreement, parts_.store->Get(request.sibling_set_id()));
  if (agreement.has_failure()) {
    return absl::FailedPreconditionError(absl::StrCat("sibling set ", Quoted(request.sibling_set_id()),
                                                      ": has no agreement: ", agreement.failure().message()));
  }
  if (request.has_pair()) return PairChunks(parts_.pair_folder, agreement, request.pair());
  return StabilityChunks(agreement);
}

}  // namespace seedbed
