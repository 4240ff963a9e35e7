#include "sae/collectives/progress.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(ProgressTest, WhatIsEncodedIsDecoded) {
  const RankProgress progress{7, 1234, "10.0.0.5", "step 9, block 2"};
  const auto decoded = DecodeProgress(EncodeProgress(progress));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->collectives, 7);
  EXPECT_EQ(decoded->beats, 1234);
  EXPECT_EQ(decoded->host, "10.0.0.5");
  EXPECT_EQ(decoded->phase, "step 9, block 2");
}

TEST(ProgressTest, NoPhaseIsAPhase) {
  const auto decoded = DecodeProgress(EncodeProgress({1, 2, "::1", ""}));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->host, "::1");
  EXPECT_EQ(decoded->phase, "");
}

TEST(ProgressTest, AnyOtherTextIsRefused) {
  for (const char* text : {"", "1", "1 2", "1 2 host", "x 2 host phase", "1 x host phase"}) {
    EXPECT_EQ(DecodeProgress(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(WaitingForTest, NamesTheRanksThatHaveNotCome) {
  const std::vector<RankProgress> before = {{5, 10, "a", ""}, {5, 10, "b", ""}, {4, 10, "c", "step 3"}};
  std::vector<RankProgress> after = before;
  for (RankProgress& progress : after) progress.beats += 4;
  EXPECT_EQ(WaitingFor(0, before, after), "waiting for rank 2 (c, at step 3)");
}

// Between the looks a rank may come; who is judged is who is missing at the end.
TEST(WaitingForTest, WhoComesBetweenTheLooksIsNotNamed) {
  const std::vector<RankProgress> before = {{4, 10, "a", ""}, {5, 10, "b", ""}, {4, 10, "c", ""}};
  const std::vector<RankProgress> after = {{5, 14, "a", ""}, {5, 14, "b", ""}, {4, 14, "c", ""}};
  EXPECT_EQ(WaitingFor(1, before, after), "waiting for rank 2 (c)");
}

TEST(WaitingForTest, SilenceIsToldFromBeingLate) {
  const std::vector<RankProgress> before = {{5, 10, "a", "x"}, {5, 20, "b", "x"}, {4, 30, "c", "y"}, {4, 40, "d", "y"}};
  const std::vector<RankProgress> after = {{5, 10, "a", "x"}, {5, 24, "b", "x"}, {4, 30, "c", "y"}, {4, 44, "d", "y"}};
  EXPECT_EQ(WaitingFor(1, before, after),
            "waiting for rank 0 (a, no sign of life), rank 2 (c, no sign of life), rank 3 (d, at y)");
}

TEST(WaitingForTest, WhereAllHaveComeItIsTheNetwork) {
  const std::vector<RankProgress> before = {{5, 10, "a", ""}, {5, 10, "b", ""}};
  const std::vector<RankProgress> after = {{5, 14, "a", ""}, {6, 14, "b", ""}};
  EXPECT_THAT(WaitingFor(0, before, after), ::testing::HasSubstr("the network between them"));
}

std::vector<RankProgress> Ranks(int64_t own, int64_t peers, int64_t peers_beats) {
  return {{own, 1, "a", ""}, {peers, peers_beats, "b", ""}};
}

TEST(ArrivalsTest, WhoLivesIsWaitedForHoweverLong) {
  Arrivals arrivals(0, absl::Seconds(2));
  for (int second = 0; second < 100; ++second) {
    arrivals.Look(Ranks(5, 4, second), absl::Seconds(second));
    EXPECT_FALSE(arrivals.all_have_come());
    EXPECT_FALSE(arrivals.one_is_lost());
  }
  arrivals.Look(Ranks(5, 5, 100), absl::Seconds(100));
  EXPECT_TRUE(arrivals.all_have_come());
}

TEST(ArrivalsTest, WhoIsSilentForSoLongIsLost) {
  Arrivals arrivals(0, absl::Seconds(2));
  arrivals.Look(Ranks(5, 4, 7), absl::Seconds(10));
  arrivals.Look(Ranks(5, 4, 7), absl::Milliseconds(11'999));
  EXPECT_FALSE(arrivals.one_is_lost());
  arrivals.Look(Ranks(5, 4, 7), absl::Seconds(12));
  EXPECT_TRUE(arrivals.one_is_lost());
  arrivals.Look(Ranks(5, 4, 8), absl::Seconds(13));
  EXPECT_FALSE(arrivals.one_is_lost());
}

TEST(ArrivalsTest, WhoHasComeMayBeSilentOrFurther) {
  Arrivals arrivals(1, absl::Seconds(2));
  arrivals.Look(Ranks(6, 5, 7), absl::Seconds(0));
  arrivals.Look(Ranks(6, 5, 7), absl::Seconds(10));
  EXPECT_TRUE(arrivals.all_have_come());
  EXPECT_FALSE(arrivals.one_is_lost());
}

TEST(StallErrorTest, NamesRankOperationAndTime) {
  const absl::Status status =
      StallError(1, OperationIn("step 9, block 2", "all-to-all"), absl::Minutes(2), "waiting for rank 0 (a)");
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(status.message(), "rank 1: step 9, block 2: all-to-all: no progress for 120 s; waiting for rank 0 (a)");
  EXPECT_EQ(OperationIn("", "barrier"), "barrier");
}

}  // namespace
}  // namespace seedbed
