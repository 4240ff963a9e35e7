#include "common/clock.h"

#include <time.h>

#include "absl/time/clock.h"

namespace seedbed {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  absl::Duration Monotonic() override {
    timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);  // Goes on while the machine sleeps, as a lease does.
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

Clock* Clock::Real() {
  static RealClock* clock = new RealClock;
  return clock;
}

}  // namespace seedbed
