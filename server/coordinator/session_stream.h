// One worker's Session stream.
#ifndef SEEDBED_SERVER_COORDINATOR_SESSION_STREAM_H_
#define SEEDBED_SERVER_COORDINATOR_SESSION_STREAM_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "seedbed/v1/worker.pb.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/live_streams.h"
#include "server/coordinator/rpc_context.h"

namespace seedbed {

// Reads the next report once the one before was dealt with; of directives that wait, only the newest is sent.
class SessionStream final : public grpc::ServerBidiReactor<v1::WorkerReport, v1::WorkerDirective>,
                            public LiveStream,
                            public SessionSink,
                            public std::enable_shared_from_this<SessionStream> {
 public:
  // The stream owns itself until it is done.
  static SessionStream* Start(const RpcContext& context);

  void RequestFinish(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Send(v1::WorkerDirective directive) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Close(const absl::Status& status) override { RequestFinish(status); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit SessionStream(const RpcContext& context) : context_(context), timer_(context, "Session") {}

  // On the executor.
  void Open();
  void TakeReport();

  void ReadNext() ABSL_LOCKS_EXCLUDED(mutex_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RpcContext context_;
  const RpcTimer timer_;
  uint64_t session_ = 0;     // On the executor alone.
  v1::WorkerReport report_;  // gRPC's while a read is under way, the executor's after it.

  absl::Mutex mutex_;
  v1::WorkerDirective writing_directive_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::WorkerDirective> next_directive_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> final_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_SESSION_STREAM_H_
