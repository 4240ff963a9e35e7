#include "server/coordinator/alarm.h"

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(ThreadAlarm, WakesAtTheEarliestTimeAskedFor) {
  ThreadAlarm alarm;
  absl::Notification woken;
  alarm.WakeAfter(absl::Hours(1));
  alarm.WakeAfter(absl::Milliseconds(5));
  alarm.Start([&] {
    if (!woken.HasBeenNotified()) woken.Notify();
  });
  EXPECT_TRUE(woken.WaitForNotificationWithTimeout(absl::Seconds(30)));
  alarm.Stop();
}

TEST(ThreadAlarm, WakesAgainWhenItIsAskedAgain) {
  ThreadAlarm alarm;
  int wakes = 0;
  absl::Notification third;
  alarm.Start([&] {
    if (++wakes == 3) {
      third.Notify();
    } else {
      alarm.WakeAfter(absl::ZeroDuration());
    }
  });
  alarm.WakeAfter(-absl::Seconds(1));
  EXPECT_TRUE(third.WaitForNotificationWithTimeout(absl::Seconds(30)));
  alarm.Stop();
  EXPECT_EQ(wakes, 3);
}

TEST(ThreadAlarm, StopsWithoutHavingWoken) {
  ThreadAlarm alarm;
  bool woken = false;
  alarm.Start([&] { woken = true; });
  alarm.WakeAfter(absl::InfiniteDuration());
  alarm.Stop();
  alarm.Stop();
  EXPECT_FALSE(woken);
}

}  // namespace
}  // namespace seedbed
