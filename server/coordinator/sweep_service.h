// seedbed.v1.SweepService over gRPC's callback API.
#ifndef SEEDBED_SERVER_COORDINATOR_SWEEP_SERVICE_H_
#define SEEDBED_SERVER_COORDINATOR_SWEEP_SERVICE_H_

#include <functional>

#include "absl/status/status.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "server/coordinator/rpc_context.h"

namespace seedbed {

class SweepServiceImpl final : public v1::SweepService::CallbackService {
 public:
  explicit SweepServiceImpl(const RpcContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* SubmitSweep(grpc::CallbackServerContext* call, const v1::SubmitSweepRequest* request,
                                        v1::SubmitSweepResponse* response) override;
  grpc::ServerUnaryReactor* GetSweep(grpc::CallbackServerContext* call, const v1::GetSweepRequest* request,
                                     v1::GetSweepResponse* response) override;
  grpc::ServerUnaryReactor* ListSweeps(grpc::CallbackServerContext* call, const v1::ListSweepsRequest* request,
                                       v1::ListSweepsResponse* response) override;
  grpc::ServerUnaryReactor* CancelSweep(grpc::CallbackServerContext* call, const v1::CancelSweepRequest* request,
                                        v1::CancelSweepResponse* response) override;
  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* call, const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* call, const v1::GetRunRequest* request,
                                   v1::GetRunResponse* response) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* call, const v1::ListWorkersRequest* request,
                                        v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* call, const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;
  grpc::ServerUnaryReactor* PauseSweep(grpc::CallbackServerContext* call, const v1::PauseSweepRequest* request,
                                       v1::PauseSweepResponse* response) override;
  grpc::ServerUnaryReactor* ResumeSweep(grpc::CallbackServerContext* call, const v1::ResumeSweepRequest* request,
                                        v1::ResumeSweepResponse* response) override;
  grpc::ServerUnaryReactor* RetrySweep(grpc::CallbackServerContext* call, const v1::RetrySweepRequest* request,
                                       v1::RetrySweepResponse* response) override;
  grpc::ServerUnaryReactor* ExplainRun(grpc::CallbackServerContext* call, const v1::ExplainRunRequest* request,
                                       v1::ExplainRunResponse* response) override;
  grpc::ServerUnaryReactor* DrainWorker(grpc::CallbackServerContext* call, const v1::DrainWorkerRequest* request,
                                        v1::DrainWorkerResponse* response) override;
  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* call, const v1::ListUsersRequest* request,
                                      v1::ListUsersResponse* response) override;
  grpc::ServerUnaryReactor* SetQuota(grpc::CallbackServerContext* call, const v1::SetQuotaRequest* request,
                                     v1::SetQuotaResponse* response) override;
  grpc::ServerUnaryReactor* BackUp(grpc::CallbackServerContext* call, const v1::BackUpRequest* request,
                                   v1::BackUpResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSweepResponse>* WatchSweep(grpc::CallbackServerContext* call,
                                                               const v1::WatchSweepRequest* request) override;

 private:
  // Ends the call. On the executor alone; only the first call counts.
  using Finish = std::function<void(const absl::Status&)>;

  // Calls `start` on the executor. What it leaves unfinished is finished by a later task of the executor.
  grpc::ServerUnaryReactor* AnswerLater(grpc::CallbackServerContext* call, const char* method,
                                        std::function<void(const Finish&)> start);
  // Answers with what `handle`, called on the executor, gives: an absl::StatusOr of the response.
  template <typename Response, typename Handle>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* call, const char* method, Response* response,
                                   Handle handle);

  const RpcContext context_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_SWEEP_SERVICE_H_
