// The streams that are open, so that a shutdown can end them: an open callback stream keeps a gRPC server from
// stopping.
#ifndef SEEDBED_SERVER_COORDINATOR_LIVE_STREAMS_H_
#define SEEDBED_SERVER_COORDINATOR_LIVE_STREAMS_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace seedbed {

// Thread-safe.
class LiveStream {
 public:
  virtual ~LiveStream() = default;
  // Ends the stream with `status` once a write that is under way is through. Only the first call counts.
  virtual void RequestFinish(const absl::Status& status) = 0;
};

// Owns streams from Add to Remove. Thread-safe.
class LiveStreams {
 public:
  // Ends the stream at once when FinishAll was called before.
  void Add(std::shared_ptr<LiveStream> stream) ABSL_LOCKS_EXCLUDED(mutex_);
  // From the stream's OnDone.
  void Remove(LiveStream* stream) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends every stream, and from now on every new one.
  void FinishAll(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // What FinishAll was given; OK before.
  absl::Status stopped() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  absl::Status stopped_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<LiveStream*, std::shared_ptr<LiveStream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_LIVE_STREAMS_H_
