// One WatchSweep stream: events in order from the log, and between them the latest progress of each run.
#ifndef SEEDBED_SERVER_COORDINATOR_WATCH_STREAM_H_
#define SEEDBED_SERVER_COORDINATOR_WATCH_STREAM_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "seedbed/v1/coordinator.pb.h"
#include "server/coordinator/live_streams.h"
#include "server/coordinator/rpc_context.h"
#include "server/coordinator/watch_hub.h"

namespace seedbed {

// Holds at most one page of events; what a slow watcher has not read yet stays in the log. Progress is replaced by
// newer progress of the same run.
class WatchStream final : public grpc::ServerWriteReactor<v1::WatchSweepResponse>,
                          public LiveStream,
                          public WatchSink,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  // The stream owns itself until it is done.
  static WatchStream* Start(const RpcContext& context, const v1::WatchSweepRequest& request);

  void RequestFinish(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnEvents() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnProgress(const v1::RunProgress& progress) override ABSL_LOCKS_EXCLUDED(mutex_);

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override;
  void OnDone() override;

 private:
  WatchStream(const RpcContext& context, const v1::WatchSweepRequest& request);

  // On the executor.
  void Open();
  void ReadPage() ABSL_LOCKS_EXCLUDED(mutex_);
  void Close();

  // Sends what is next, or asks for the next page, or ends the stream.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishWith(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RpcContext context_;
  const v1::WatchSweepRequest request_;
  const RpcTimer timer_;
  uint64_t watcher_ = 0;  // On the executor alone, as is `after_`. 0 = none.
  int64_t after_ = 0;     // Number of the newest event that was read.

  absl::Mutex mutex_;
  std::deque<v1::Event> events_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<std::string, v1::RunProgress> progress_ ABSL_GUARDED_BY(mutex_);
  v1::WatchSweepResponse response_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool more_ ABSL_GUARDED_BY(mutex_) = false;   // There may be events that were not read yet.
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // None come after `events_`.
  std::optional<absl::Status> final_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_WATCH_STREAM_H_
