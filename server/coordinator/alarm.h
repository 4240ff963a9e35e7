// Wakes the coordinator when time alone changes something: a back-off passes, a worker has been silent for too long.
#ifndef SEEDBED_SERVER_COORDINATOR_ALARM_H_
#define SEEDBED_SERVER_COORDINATOR_ALARM_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace seedbed {

class Alarm {
 public:
  virtual ~Alarm() = default;

  // Asks to be woken `delay` from now, or earlier where that was asked for before and has not happened yet. Must not
  // block nor call back from within.
  virtual void WakeAfter(absl::Duration delay) = 0;
};

// Sleeps on a thread of its own and calls `wake` from there. Thread-safe. By the steady clock, which absl's waits do
// not follow: a wall clock that is set back must not put off the loss of a worker.
class ThreadAlarm final : public Alarm {
 public:
  ThreadAlarm();
  ~ThreadAlarm() override;

  // What to call. Nothing is woken before this.
  void Start(std::function<void()> wake);
  // No call is under way or follows when it returns. Idempotent.
  void Stop();

  void WakeAfter(absl::Duration delay) override;

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> wake_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::chrono::steady_clock::time_point> wake_at_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_ALARM_H_
