// The event stream of one sweep, kept up over lost connections and restarted coordinators.
#ifndef SEEDBED_CLIENT_FOLLOW_H_
#define SEEDBED_CLIENT_FOLLOW_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/connection.h"
#include "grpcpp/client_context.h"
#include "seedbed/v1/coordinator.pb.h"

namespace seedbed {

// Follow runs on one thread, Stop may be called from any.
class SweepFollower {
 public:
  // Both are called on the thread that follows. `on_update` tells whether the sweep has ended by now; `on_lost` is
  // called once for each time that the connection is lost.
  using OnUpdate = std::function<bool(const seedbed::v1::WatchSweepResponse&)>;
  using OnLost = std::function<void(const absl::Status&)>;

  // `coordinator` must outlive this.
  SweepFollower(CoordinatorClient* coordinator, std::string sweep_id, OnUpdate on_update, OnLost on_lost);

  // Returns OK when the sweep has ended and the coordinator has ended the stream; CANCELLED after Stop. Where the
  // coordinator can't be reached, or ends the stream early, it tries again, for ever, from the event after the last
  // that came. Any other answer of the coordinator's is returned.
  absl::Status Follow();
  void Stop();

 private:
  // One stream; gives how it ended. `had_update` tells whether anything came.
  grpc::Status ReadStream(bool* had_update);
  // False when stopped meanwhile.
  bool SleepUnlessStopped(absl::Duration duration);

  CoordinatorClient* const coordinator_;
  const std::string sweep_id_;
  const OnUpdate on_update_;
  const OnLost on_lost_;
  int64_t last_event_ = 0;
  bool sweep_has_ended_ = false;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // Of the stream that is open.
};

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_FOLLOW_H_
