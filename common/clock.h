// Time, injected, so that tests can move it.
#ifndef SEEDBED_COMMON_CLOCK_H_
#define SEEDBED_COMMON_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace seedbed {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time: for people and for what is stored. Can jump.
  virtual absl::Time Now() = 0;

  // Time since an arbitrary start that never jumps: for leases, deadlines and rates.
  virtual absl::Duration Monotonic() = 0;

  // The system's clocks. Lives for ever.
  static Clock* Real();
};

// Stands still until it is told to move.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  absl::Duration Monotonic() override {
    absl::MutexLock lock(&mutex_);
    return monotonic_;
  }
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    now_ += by;
    monotonic_ += by;
  }

 private:
  absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  absl::Duration monotonic_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_COMMON_CLOCK_H_
