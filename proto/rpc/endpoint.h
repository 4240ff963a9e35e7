// How every Seedbed daemon listens and every client connects: one place for limits, keepalive, health and reflection.
#ifndef SEEDBED_PROTO_RPC_ENDPOINT_H_
#define SEEDBED_PROTO_RPC_ENDPOINT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/server.h"

namespace seedbed {

// Larger messages are refused on both sides.
inline constexpr int kMaxMessageBytes = 16 << 20;

// What a client takes with the end of a call: the error and its details. gRPC's own limit is 8 KiB.
inline constexpr int kMaxTrailerBytes = 64 << 10;

// A server that answers health checks (grpc.health.v1) and reflection.
class RpcServer {
 public:
  // Binds `host`:`port` (0 = a free port). The services must outlive the server. UNAVAILABLE, naming the address,
  // when it can't be bound: a port that another process listens on is never shared.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const std::string& host, int port,
                                                          const std::vector<grpc::Service*>& services);
  ~RpcServer();

  int port() const { return port_; }
  void SetHealthy(bool healthy);

  // Health goes to NOT_SERVING, new calls are refused, and calls still open after `grace` are cancelled.
  void Shutdown(absl::Duration grace);

 private:
  RpcServer() = default;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

// Connects lazily, with 5 s for one connection, which a far or busy machine may need, and reconnects by itself (with
// back-off of at most 2 s). Keepalive finds a silent peer in 30 s.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

// Every unary call has a deadline.
void SetDeadline(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace seedbed

#endif  // SEEDBED_PROTO_RPC_ENDPOINT_H_
