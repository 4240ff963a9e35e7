// Where a rank's messages to its worker go.
#ifndef SEEDBED_WORKER_TRAINER_MESSAGE_SINK_H_
#define SEEDBED_WORKER_TRAINER_MESSAGE_SINK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "seedbed/v1/trainer.pb.h"

namespace seedbed {

// Thread-safe.
class MessageSink {
 public:
  // The write end of a pipe; stays open until the process ends.
  explicit MessageSink(int fd) : fd_(fd) {}

  // Blocks until the message is in the pipe. Ends the process with kWorkerGoneExitCode when nobody reads it any more.
  void Send(const v1::RankMessage& message);

 private:
  absl::Mutex mutex_;
  const int fd_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_MESSAGE_SINK_H_
