// Runs tasks one after another on a thread of its own, so that whoever posts them never waits for a disk.
#ifndef SEEDBED_SERVER_COORDINATOR_SERIAL_EXECUTOR_H_
#define SEEDBED_SERVER_COORDINATOR_SERIAL_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace seedbed {

// Thread-safe.
class SerialExecutor {
 public:
  SerialExecutor();
  // Runs what was posted, then stops. No task may be posted from then on.
  ~SerialExecutor();

  // Never blocks. A task must not throw.
  void Post(std::function<void()> task) ABSL_LOCKS_EXCLUDED(mutex_);

  // Tasks that wait for their turn.
  size_t pending() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_SERIAL_EXECUTOR_H_
