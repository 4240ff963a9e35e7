#include "common/clock.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(FakeClockTest, StandsStillUntilItIsAdvanced) {
  FakeClock clock(absl::FromUnixSeconds(100));
  const absl::Duration start = clock.Monotonic();
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(100));
  EXPECT_EQ(clock.Monotonic(), start);
  clock.Advance(absl::Milliseconds(1500));
  EXPECT_EQ(clock.Now(), absl::FromUnixMillis(101'500));
  EXPECT_EQ(clock.Monotonic() - start, absl::Milliseconds(1500));
}

TEST(RealClockTest, MonotonicNeverGoesBack) {
  absl::Duration last = Clock::Real()->Monotonic();
  for (int i = 0; i < 10'000; ++i) {
    const absl::Duration now = Clock::Real()->Monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(RealClockTest, IsOneAndTellsTheWallTime) {
  EXPECT_EQ(Clock::Real(), Clock::Real());
  EXPECT_LT(absl::AbsDuration(Clock::Real()->Now() - absl::Now()), absl::Seconds(1));
}

}  // namespace
}  // namespace seedbed
