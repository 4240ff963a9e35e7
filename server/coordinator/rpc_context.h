// What every RPC of the coordinator needs.
#ifndef SEEDBED_SERVER_COORDINATOR_RPC_CONTEXT_H_
#define SEEDBED_SERVER_COORDINATOR_RPC_CONTEXT_H_

#include <exception>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/coordinator_metrics.h"
#include "server/coordinator/live_streams.h"
#include "server/coordinator/serial_executor.h"

namespace seedbed {

// All outlive the gRPC server.
struct RpcContext {
  Coordinator* coordinator = nullptr;
  SerialExecutor* executor = nullptr;  // Where the coordinator is called: gRPC's threads never wait for a disk.
  LiveStreams* streams = nullptr;
  CoordinatorMetrics* metrics = nullptr;
  Clock* clock = nullptr;
};

// Measures one call.
class RpcTimer {
 public:
  RpcTimer(const RpcContext& context, absl::string_view method)
      : context_(context), method_(method), begin_(context.clock->Monotonic()) {}
  void End(absl::StatusCode code) const {
    context_.metrics->RpcEnded(method_, absl::StatusCodeToString(code), context_.clock->Monotonic() - begin_);
  }

 private:
  const RpcContext context_;
  const std::string method_;
  const absl::Duration begin_;
};

// Calls `body`, which gives an absl::Status; an exception that escapes it becomes INTERNAL.
template <typename Body>
absl::Status WithoutExceptions(Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("unexpected exception: ", error.what()));
  }
}

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_RPC_CONTEXT_H_
