#include "server/coordinator/sweep_service.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/coordinator/watch_stream.h"

namespace seedbed {
namespace {

// Calls that wait for their turn. One takes milliseconds: more than this means that clients come faster than the disk.
constexpr size_t kMostPending = 1024;

absl::Status CheckCapacity(const RpcContext& context) {
  RETURN_IF_ERROR(context.streams->stopped());
  if (context.executor->pending() < kMostPending) return absl::OkStatus();
  return RetryLaterError("the coordinator has too many requests to answer", absl::Seconds(1));
}

}  // namespace

grpc::ServerUnaryReactor* SweepServiceImpl::AnswerLater(grpc::CallbackServerContext* call, const char* method,
                                                        std::function<void(const Finish&)> start) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  const RpcTimer timer(context_, method);
  const auto finished = std::make_shared<bool>(false);
  const Finish finish = [reactor, timer, finished](const absl::Status& status) {
    if (std::exchange(*finished, true)) return;
    timer.End(status.code());
    reactor->Finish(ToGrpcStatus(status));
  };
  if (const absl::Status capacity = CheckCapacity(context_); !capacity.ok()) {
    finish(capacity);
    return reactor;
  }
  context_.executor->Post([start = std::move(start), finish] {
    const absl::Status started = WithoutExceptions([&] {
      start(finish);
      return absl::OkStatus();
    });
    if (!started.ok()) finish(started);
  });
  return reactor;
}

template <typename Response, typename Handle>
grpc::ServerUnaryReactor* SweepServiceImpl::Answer(grpc::CallbackServerContext* call, const char* method,
                                                   Response* response, Handle handle) {
  return AnswerLater(call, method, [response, handle](const Finish& finish) {
    absl::StatusOr<Response> answer = handle();
    if (answer.ok()) *response = *std::move(answer);
    finish(answer.status());
  });
}

grpc::ServerUnaryReactor* SweepServiceImpl::SubmitSweep(grpc::CallbackServerContext* call,
                                                        const v1::SubmitSweepRequest* request,
                                                        v1::SubmitSweepResponse* response) {
  return AnswerLater(call, "SubmitSweep", [this, request, response](const Finish& finish) {
    const auto done = [response, finish](const absl::StatusOr<v1::SubmitSweepResponse>& answer) {
      if (answer.ok()) *response = *answer;
      finish(answer.status());
    };
    context_.coordinator->SubmitSweep(*request, done);
  });
}

grpc::ServerUnaryReactor* SweepServiceImpl::GetSweep(grpc::CallbackServerContext* call,
                                                     const v1::GetSweepRequest* request,
                                                     v1::GetSweepResponse* response) {
  return Answer(call, "GetSweep", response, [this, request] { return context_.coordinator->GetSweep(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ListSweeps(grpc::CallbackServerContext* call,
                                                       const v1::ListSweepsRequest* request,
                                                       v1::ListSweepsResponse* response) {
  return Answer(call, "ListSweeps", response, [this, request] { return context_.coordinator->ListSweeps(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::CancelSweep(grpc::CallbackServerContext* call,
                                                        const v1::CancelSweepRequest* request,
                                                        v1::CancelSweepResponse* response) {
  return Answer(call, "CancelSweep", response, [this, request] { return context_.coordinator->CancelSweep(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ListRuns(grpc::CallbackServerContext* call,
                                                     const v1::ListRunsRequest* request,
                                                     v1::ListRunsResponse* response) {
  return Answer(call, "ListRuns", response, [this, request] { return context_.coordinator->ListRuns(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::GetRun(grpc::CallbackServerContext* call, const v1::GetRunRequest* request,
                                                   v1::GetRunResponse* response) {
  return Answer(call, "GetRun", response, [this, request] { return context_.coordinator->GetRun(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ListWorkers(grpc::CallbackServerContext* call,
                                                        const v1::ListWorkersRequest* /*request*/,
                                                        v1::ListWorkersResponse* response) {
  return Answer(call, "ListWorkers", response, [this] { return context_.coordinator->ListWorkers(); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::GetServerInfo(grpc::CallbackServerContext* call,
                                                          const v1::GetServerInfoRequest* /*request*/,
                                                          v1::GetServerInfoResponse* response) {
  return Answer(call, "GetServerInfo", response, [this] { return context_.coordinator->GetServerInfo(); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::PauseSweep(grpc::CallbackServerContext* call,
                                                       const v1::PauseSweepRequest* request,
                                                       v1::PauseSweepResponse* response) {
  return Answer(call, "PauseSweep", response, [this, request] { return context_.coordinator->PauseSweep(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ResumeSweep(grpc::CallbackServerContext* call,
                                                        const v1::ResumeSweepRequest* request,
                                                        v1::ResumeSweepResponse* response) {
  return Answer(call, "ResumeSweep", response, [this, request] { return context_.coordinator->ResumeSweep(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::RetrySweep(grpc::CallbackServerContext* call,
                                                       const v1::RetrySweepRequest* request,
                                                       v1::RetrySweepResponse* response) {
  return Answer(call, "RetrySweep", response, [this, request] { return context_.coordinator->RetrySweep(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ExplainRun(grpc::CallbackServerContext* call,
                                                       const v1::ExplainRunRequest* request,
                                                       v1::ExplainRunResponse* response) {
  return Answer(call, "ExplainRun", response, [this, request] { return context_.coordinator->ExplainRun(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::DrainWorker(grpc::CallbackServerContext* call,
                                                        const v1::DrainWorkerRequest* request,
                                                        v1::DrainWorkerResponse* response) {
  return Answer(call, "DrainWorker", response, [this, request] { return context_.coordinator->DrainWorker(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::SetQuota(grpc::CallbackServerContext* call,
                                                     const v1::SetQuotaRequest* request,
                                                     v1::SetQuotaResponse* response) {
  return Answer(call, "SetQuota", response, [this, request] { return context_.coordinator->SetQuota(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::BackUp(grpc::CallbackServerContext* call, const v1::BackUpRequest* request,
                                                   v1::BackUpResponse* response) {
  return Answer(call, "BackUp", response, [this, request] { return context_.coordinator->BackUp(*request); });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ListUsers(grpc::CallbackServerContext* call,
                                                      const v1::ListUsersRequest* /*request*/,
                                                      v1::ListUsersResponse* response) {
  return Answer(call, "ListUsers", response, [this] { return context_.coordinator->ListUsers(); });
}

grpc::ServerWriteReactor<v1::WatchSweepResponse>* SweepServiceImpl::WatchSweep(grpc::CallbackServerContext* /*call*/,
                                                                               const v1::WatchSweepRequest* request) {
  return WatchStream::Start(context_, *request);
}

}  // namespace seedbed
