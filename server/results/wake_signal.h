// Lets a thread sleep until there is work, time has passed or it has to end.
#ifndef SEEDBED_SERVER_RESULTS_WAKE_SIGNAL_H_
#define SEEDBED_SERVER_RESULTS_WAKE_SIGNAL_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace seedbed {

// Thread-safe. One thread waits for work, any may wait for the stop, wake or stop. Follows the steady clock, which
// absl's waits do not: a wall clock that is set back must not hold up a retry.
class WakeSignal {
 public:
  // Ends the next WaitForWork, or the one under way.
  void Wake() {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

  // Ends every wait, now and later.
  void Stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  bool stopped() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stopped_;
  }

  void WaitForWork() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return woken_ || stopped_; });
    woken_ = false;
  }

  // Whether it was stopped before `longest` had passed. Being woken does not end it.
  bool WaitForStop(absl::Duration longest) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, absl::ToChronoNanoseconds(longest), [this] { return stopped_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_WAKE_SIGNAL_H_
