#include "server/coordinator/alarm.h"

#include <algorithm>
#include <utility>

namespace seedbed {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr absl::Duration kLongestDelay = absl::Hours(24);

}  // namespace

ThreadAlarm::ThreadAlarm() : thread_([this] { Run(); }) {}

ThreadAlarm::~ThreadAlarm() { Stop(); }

void ThreadAlarm::Start(std::function<void()> wake) {
  const std::lock_guard<std::mutex> lock(mutex_);
  wake_ = std::move(wake);
  changed_.notify_one();
}

void ThreadAlarm::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void ThreadAlarm::WakeAfter(absl::Duration delay) {
  const absl::Duration bounded = std::clamp(delay, absl::ZeroDuration(), kLongestDelay);
  const auto at = SteadyClock::now() + absl::ToChronoNanoseconds(bounded);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (wake_at_.has_value() && *wake_at_ <= at) return;
  wake_at_ = at;
  changed_.notify_one();
}

void ThreadAlarm::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    if (wake_ == nullptr || !wake_at_.has_value()) {
      changed_.wait(lock);
    } else if (SteadyClock::now() < *wake_at_) {
      changed_.wait_until(lock, SteadyClock::time_point(*wake_at_));
    } else {
      wake_at_.reset();
      const std::function<void()> wake = wake_;
      lock.unlock();
      wake();
      lock.lock();
    }
  }
}

}  // namespace seedbed
