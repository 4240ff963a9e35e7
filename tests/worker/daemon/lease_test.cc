#include "worker/daemon/lease.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

constexpr absl::Duration At(int seconds) { return absl::Seconds(seconds); }

TEST(LeaseTest, ThereIsNoneAtFirst) {
  const Lease lease;
  EXPECT_EQ(lease.Phase(At(0)), LeasePhase::kNone);
  EXPECT_EQ(lease.Phase(At(1'000'000)), LeasePhase::kNone);
  EXPECT_EQ(lease.Remaining(At(0)), absl::ZeroDuration());
  EXPECT_EQ(lease.OverAt(), -absl::InfiniteDuration());
}

TEST(LeaseTest, RunsFromTheSendingOfTheReport) {
  Lease lease;
  lease.Renew(At(100), absl::Seconds(30));
  EXPECT_EQ(lease.Remaining(At(110)), absl::Seconds(20));
  EXPECT_EQ(lease.Phase(At(100)), LeasePhase::kHeld);
  EXPECT_EQ(lease.Phase(At(120)), LeasePhase::kHeld);
  EXPECT_EQ(lease.Phase(At(121)), LeasePhase::kEnding);
  EXPECT_EQ(lease.Phase(At(127)), LeasePhase::kEnding);
  EXPECT_EQ(lease.Phase(At(128)), LeasePhase::kOver);  // Before its end: to be stopped takes time.
  EXPECT_EQ(lease.OverAt(), At(127));
  EXPECT_EQ(lease.Phase(At(500)), LeasePhase::kOver);
  EXPECT_EQ(lease.Remaining(At(500)), absl::ZeroDuration());
}

TEST(LeaseTest, IsRenewedByNewerReportsAlone) {
  Lease lease;
  lease.Renew(At(100), absl::Seconds(30));
  lease.Renew(At(90), absl::Seconds(1000));
  EXPECT_EQ(lease.Remaining(At(100)), absl::Seconds(30));
  lease.Renew(At(101), absl::Seconds(30));
  EXPECT_EQ(lease.Remaining(At(101)), absl::Seconds(30));
  lease.Renew(At(101), absl::Seconds(30));
  EXPECT_EQ(lease.Remaining(At(101)), absl::Seconds(30));
  lease.Renew(At(102), absl::ZeroDuration());
  lease.Renew(At(102), -absl::Seconds(5));
  EXPECT_EQ(lease.Remaining(At(102)), absl::Seconds(29));
}

TEST(LeaseTest, CanBeHadAgainWhenItWasOver) {
  Lease lease;
  lease.Renew(At(100), absl::Seconds(3));
  EXPECT_EQ(lease.Phase(At(200)), LeasePhase::kOver);
  lease.Renew(At(200), absl::Seconds(3));
  EXPECT_EQ(lease.Phase(At(200)), LeasePhase::kHeld);
}

}  // namespace
}  // namespace seedbed
