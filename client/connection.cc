#include "client/connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/format.h"
#include "common/status.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"

namespace seedbed {
namespace {

// A run may carry 50 lines of log: a page stays well below the largest message.
constexpr int kPageSize = 200;

constexpr absl::Duration kBetweenLooks = absl::Milliseconds(50);

// gRPC chains its reasons: "failed to connect to all addresses; last error: UNKNOWN: ipv4:...: Connection refused".
std::string LastReason(const std::string& message) {
  const size_t colon = message.rfind(": ");
  return OneLine(colon == std::string::npos ? message : message.substr(colon + 2));
}

}  // namespace

absl::Status ExplainCall(const grpc::Status& status, const std::string& who, const std::string& address,
                         absl::Duration timeout) {
  // Our daemons send details with every error, gRPC with none of its own.
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && status.error_details().empty()) {
    return absl::UnavailableError(absl::StrCat("can't reach ", who, " at ", address, " (",
                                               LastReason(status.error_message()),
                                               "); start one with \"seedbed up\", or name another with --server"));
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(
        absl::StrCat(who, " at ", address, " did not answer within ", absl::FormatDuration(timeout)));
  }
  return FromGrpcStatus(status);
}

std::string CommandFor(const std::string& address) {
  return address == kDefaultServer ? "seedbed" : absl::StrCat("seedbed --server ", address);
}

CoordinatorClient::CoordinatorClient(const std::string& address)
    : address_(address), stub_(v1::SweepService::NewStub(MakeChannel(address))) {}

template <typename Request, typename Response>
absl::StatusOr<Response> CoordinatorClient::Call(Method<Request, Response> method, const Request& request) {
  grpc::ClientContext context;
  SetDeadline(context, kCallTimeout);
  Response response;
  const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
  if (!status.ok()) return ExplainCall(status, "the coordinator", address_);
  return response;
}

absl::StatusOr<v1::SubmitSweepResponse> CoordinatorClient::Submit(const v1::SubmitSweepRequest& request,
                                                                  const std::function<bool()>& interrupted) {
  grpc::ClientContext context;
  SetDeadline(context, kSubmitTimeout);
  v1::SubmitSweepResponse response;
  grpc::Status status;
  absl::Notification done;
  stub_->async()->SubmitSweep(&context, &request, &response, [&](grpc::Status ended) {
    status = std::move(ended);
    done.Notify();
  });
  while (!done.WaitForNotificationWithTimeout(kBetweenLooks)) {
    if (!interrupted()) continue;
    context.TryCancel();
    done.WaitForNotification();
  }
  if (!status.ok()) return ExplainCall(status, "the coordinator", address_, kSubmitTimeout);
  return response;
}

absl::StatusOr<v1::Sweep> CoordinatorClient::GetSweep(const std::string& sweep_id) {
  v1::GetSweepRequest request;
  request.set_sweep_id(sweep_id);
  ASSIGN_OR_RETURN(v1::GetSweepResponse response, Call(&v1::SweepService::Stub::GetSweep, request));
  return response.sweep();
}

absl::StatusOr<v1::CancelSweepResponse> CoordinatorClient::Cancel(const v1::CancelSweepRequest& request) {
  return Call(&v1::SweepService::Stub::CancelSweep, request);
}

absl::StatusOr<v1::PauseSweepResponse> CoordinatorClient::Pause(const v1::PauseSweepRequest& request) {
  return Call(&v1::SweepService::Stub::PauseSweep, request);
}

absl::StatusOr<v1::ResumeSweepResponse> CoordinatorClient::Resume(const v1::ResumeSweepRequest& request) {
  return Call(&v1::SweepService::Stub::ResumeSweep, request);
}

absl::StatusOr<v1::RetrySweepResponse> CoordinatorClient::Retry(const v1::RetrySweepRequest& request) {
  return Call(&v1::SweepService::Stub::RetrySweep, request);
}

absl::StatusOr<v1::Run> CoordinatorClient::GetRun(const std::string& run_id) {
  v1::GetRunRequest request;
  request.set_run_id(run_id);
  ASSIGN_OR_RETURN(v1::GetRunResponse response, Call(&v1::SweepService::Stub::GetRun, request));
  return response.run();
}

absl::StatusOr<v1::ListSweepsResponse> CoordinatorClient::ListSweeps() {
  v1::ListSweepsResponse all;
  v1::ListSweepsRequest request;
  request.set_page_size(kPageSize);
  do {
    ASSIGN_OR_RETURN(const v1::ListSweepsResponse page, Call(&v1::SweepService::Stub::ListSweeps, request));
    all.mutable_sweeps()->MergeFrom(page.sweeps());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListRunsResponse> CoordinatorClient::ListRuns(const std::string& sweep_id) {
  v1::ListRunsResponse all;
  v1::ListRunsRequest request;
  request.set_sweep_id(sweep_id);
  request.set_page_size(kPageSize);
  do {
    ASSIGN_OR_RETURN(const v1::ListRunsResponse page, Call(&v1::SweepService::Stub::ListRuns, request));
    all.mutable_runs()->MergeFrom(page.runs());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListWorkersResponse> CoordinatorClient::ListWorkers() {
  return Call(&v1::SweepService::Stub::ListWorkers, v1::ListWorkersRequest());
}

absl::StatusOr<v1::ExplainRunResponse> CoordinatorClient::ExplainRun(const std::string& run_id) {
  v1::ExplainRunRequest request;
  request.set_run_id(run_id);
  return Call(&v1::SweepService::Stub::ExplainRun, request);
}

absl::StatusOr<v1::DrainWorkerResponse> CoordinatorClient::DrainWorker(const v1::DrainWorkerRequest& request) {
  return Call(&v1::SweepService::Stub::DrainWorker, request);
}

absl::StatusOr<v1::ListUsersResponse> CoordinatorClient::ListUsers() {
  return Call(&v1::SweepService::Stub::ListUsers, v1::ListUsersRequest());
}

absl::StatusOr<v1::SetQuotaResponse> CoordinatorClient::SetQuota(const v1::SetQuotaRequest& request) {
  return Call(&v1::SweepService::Stub::SetQuota, request);
}

absl::StatusOr<v1::BackUpResponse> CoordinatorClient::BackUp(const v1::BackUpRequest& request) {
  return Call(&v1::SweepService::Stub::BackUp, request);
}

absl::StatusOr<std::string> CoordinatorClient::ResultsAddress() {
  ASSIGN_OR_RETURN(const v1::GetServerInfoResponse info,
                   Call(&v1::SweepService::Stub::GetServerInfo, v1::GetServerInfoRequest()));
  if (!info.results_address().empty()) return info.results_address();
  return absl::FailedPreconditionError(
      absl::StrCat("the coordinator at ", address_, " knows of no results service (its --results-address is not set)"));
}

ResultsClient::ResultsClient(const std::string& address)
    : address_(address), stub_(v1::ResultsService::NewStub(MakeChannel(address))) {}

template <typename Request, typename Response>
absl::StatusOr<Response> ResultsClient::Call(Method<Request, Response> method, const Request& request) {
  grpc::ClientContext context;
  SetDeadline(context, kCallTimeout);
  Response response;
  const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
  if (!status.ok()) return ExplainCall(status, "the results service", address_);
  return response;
}

absl::StatusOr<v1::ListAgreementsResponse> ResultsClient::ListAgreements(const std::string& sweep_id) {
  v1::ListAgreementsRequest request;
  request.set_sweep_id(sweep_id);
  return Call(&v1::ResultsService::Stub::ListAgreements, request);
}

absl::StatusOr<v1::Agreement> ResultsClient::GetAgreement(const std::string& sibling_set_id,
                                                          std::optional<double> threshold) {
  v1::GetAgreementRequest request;
  request.set_sibling_set_id(sibling_set_id);
  if (threshold.has_value()) request.set_threshold(*threshold);
  ASSIGN_OR_RETURN(v1::GetAgreementResponse response, Call(&v1::ResultsService::Stub::GetAgreement, request));
  return response.agreement();
}

absl::StatusOr<v1::CompareDictionariesResponse> ResultsClient::CompareDictionaries(
    const v1::CompareDictionariesRequest& request) {
  return Call(&v1::ResultsService::Stub::CompareDictionaries, request);
}

absl::Status ResultsClient::WatchAgreement(const std::string& sweep_id,
                                           const std::function<void(const v1::WatchAgreementResponse&)>& on_update) {
  grpc::ClientContext context;
  v1::WatchAgreementRequest request;
  request.set_sweep_id(sweep_id);
  const auto stream = stub_->WatchAgreement(&context, request);
  v1::WatchAgreementResponse update;
  while (stream->Read(&update)) on_update(update);
  const grpc::Status status = stream->Finish();
  return status.ok() ? absl::OkStatus() : ExplainCall(status, "the results service", address_);
}

absl::Status ResultsClient::StreamLatents(const v1::StreamLatentsRequest& request,
                                          const std::function<void(const v1::StreamLatentsResponse&)>& on_chunk) {
  grpc::ClientContext context;
  const auto stream = stub_->StreamLatents(&context, request);
  v1::StreamLatentsResponse chunk;
  while (stream->Read(&chunk)) on_chunk(chunk);
  const grpc::Status status = stream->Finish();
  return status.ok() ? absl::OkStatus() : ExplainCall(status, "the results service", address_);
}

absl::StatusOr<std::string> ResultsClient::GetReport(const std::vector<std::string>& sweep_ids) {
  v1::GetReportRequest request;
  request.set_sweep_id(sweep_ids.at(0));
  for (size_t i = 1; i < sweep_ids.size(); ++i) request.add_other_sweep_ids(sweep_ids[i]);
  ASSIGN_OR_RETURN(v1::GetReportResponse response, Call(&v1::ResultsService::Stub::GetReport, request));
  return std::move(*response.mutable_html());
}

}  // namespace seedbed
