// The coordinator as a daemon: its services on gRPC, /metrics and /healthz on HTTP.
#ifndef SEEDBED_SERVER_COORDINATOR_COORDINATOR_SERVER_H_
#define SEEDBED_SERVER_COORDINATOR_COORDINATOR_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/http_server.h"
#include "proto/rpc/endpoint.h"
#include "server/coordinator/alarm.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/coordinator_metrics.h"
#include "server/coordinator/live_streams.h"
#include "server/coordinator/serial_executor.h"
#include "server/coordinator/sweep_service.h"
#include "server/coordinator/worker_service.h"
#include "server/store/event_store.h"

namespace seedbed {

class CoordinatorServer {
 public:
  struct Options {
    HostPort listen;  // Port 0 = a free one.
    HostPort http;
    std::string database;  // Path of what `store` keeps, whose disk /metrics tells of; "" = nowhere.
    CoordinatorOptions coordinator;
  };

  // Recovers the state from `store`, then listens. Both pointers must outlive the server. Errors: as
  // Coordinator::Recover gives; UNAVAILABLE, naming the address, where it can't listen.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(const Options& options, EventStore* store,
                                                                  Clock* clock);
  ~CoordinatorServer();

  int port() const { return rpc_->port(); }
  int http_port() const { return http_->port(); }

  // Ends every stream, answers what was asked before and stops. Calls still open after `grace` are cancelled.
  void Shutdown(absl::Duration grace);

 private:
  CoordinatorServer() = default;

  // In the order of use: a later one uses those before it.
  std::shared_ptr<CoordinatorMetrics> metrics_ = std::make_shared<CoordinatorMetrics>();
  ThreadAlarm alarm_;
  std::unique_ptr<Coordinator> coordinator_;
  SerialExecutor executor_;
  LiveStreams streams_;
  std::unique_ptr<SweepServiceImpl> sweep_service_;
  std::unique_ptr<WorkerServiceImpl> worker_service_;
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_COORDINATOR_SERVER_H_
