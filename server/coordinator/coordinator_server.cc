#include "server/coordinator/coordinator_server.h"

#include "common/disk_space.h"
#include "common/status.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(const Options& options, EventStore* store,
                                                                            Clock* clock) {
  auto server = std::unique_ptr<CoordinatorServer>(new CoordinatorServer);
  ASSIGN_OR_RETURN(server->coordinator_,
                   Coordinator::Recover(options.coordinator, {store, clock, &server->alarm_, server->metrics_.get()}));
  Coordinator* const coordinator = server->coordinator_.get();
  SerialExecutor* const executor = &server->executor_;
  server->metrics_->SetGaugeSource([coordinator] { return coordinator->Gauges(); });
  server->alarm_.Start([coordinator, executor] { executor->Post([coordinator] { coordinator->Tick(); }); });

  const RpcContext context = {coordinator, executor, &server->streams_, server->metrics_.get(), clock};
  server->sweep_service_ = std::make_unique<SweepServiceImpl>(context);
  server->worker_service_ = std::make_unique<WorkerServiceImpl>(context);
  ASSIGN_OR_RETURN(server->rpc_, RpcServer::Start(options.listen.host, options.listen.port,
                                                  {server->sweep_service_.get(), server->worker_service_.get()}));
  HttpServer::Options http;
  http.host = options.http.host;
  http.port = options.http.port;
  http.metrics = {server->metrics_};
  if (!options.database.empty()) {
    http.metrics.push_back(
        std::make_shared<DiskSpace>(std::map<std::string, std::string>{{"database", options.database}}));
  }
  http.health = [coordinator] { return coordinator->Health(); };
  ASSIGN_OR_RETURN(server->http_, HttpServer::Start(http));
  return server;
}

CoordinatorServer::~CoordinatorServer() { Shutdown(absl::ZeroDuration()); }

void CoordinatorServer::Shutdown(absl::Duration grace) {
  const absl::Status stopping = absl::UnavailableError("the coordinator is stopping");
  streams_.FinishAll(stopping);
  if (coordinator_ != nullptr) {
    executor_.Post([coordinator = coordinator_.get(), stopping] { coordinator->RefuseSubmissions(stopping); });
  }
  alarm_.Stop();
  if (rpc_ != nullptr) rpc_->Shutdown(grace);
  http_.reset();
  metrics_->SetGaugeSource(nullptr);
}

}  // namespace seedbed
