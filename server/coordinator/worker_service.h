// seedbed.v1.WorkerService over gRPC's callback API.
#ifndef SEEDBED_SERVER_COORDINATOR_WORKER_SERVICE_H_
#define SEEDBED_SERVER_COORDINATOR_WORKER_SERVICE_H_

#include "seedbed/v1/worker.grpc.pb.h"
#include "server/coordinator/rpc_context.h"
#include "server/coordinator/session_stream.h"

namespace seedbed {

class WorkerServiceImpl final : public v1::WorkerService::CallbackService {
 public:
  explicit WorkerServiceImpl(const RpcContext& context) : context_(context) {}

  grpc::ServerBidiReactor<v1::WorkerReport, v1::WorkerDirective>* Session(
      grpc::CallbackServerContext* /*call*/) override {
    return SessionStream::Start(context_);
  }

 private:
  const RpcContext context_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_WORKER_SERVICE_H_
