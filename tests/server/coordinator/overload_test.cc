// More submissions than the coordinator takes.
#include <string>

#include "server/coordinator/submission_limiter.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::HasSubstr;

class OverloadTest : public CoordinatorFixture {
 protected:
  void UseUp() {
    for (int i = 0; i < SubmissionLimits().at_once; ++i) Submit(DemoSweep()).status().IgnoreError();
  }
};

TEST_F(OverloadTest, AFloodOfSubmissionsIsToldWhenToComeBackAndChangesNothing) {
  int taken = 0;
  Answer answer = Submit(DemoSweep());
  for (; answer.ok() && taken < 10'000; ++taken) answer = Submit(DemoSweep());
  EXPECT_EQ(taken, SubmissionLimits().at_once);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(GetRetryDelay(answer.status()).has_value());
  const size_t events = store_.events().size();
  EXPECT_FALSE(Submit(DemoSweep()).ok());
  EXPECT_EQ(store_.events().size(), events);
  clock_.Advance(*GetRetryDelay(answer.status()));
  EXPECT_TRUE(Submit(DemoSweep()).ok());
  EXPECT_FALSE(Submit(DemoSweep()).ok());
}

TEST_F(OverloadTest, ARepeatOfWhatWasTakenIsAnsweredAllTheSame) {
  ASSERT_TRUE(Submit(DemoSweep(), "key").ok());
  UseUp();
  EXPECT_FALSE(Submit(DemoSweep()).ok());
  const Answer repeat = Submit(DemoSweep(), "key");
  ASSERT_TRUE(repeat.ok());
  EXPECT_EQ(repeat->sweep().sweep_id(), "s1");
}

TEST_F(OverloadTest, WhatRunsAndWorkersIsNotHeldUp) {
  FakeWorker worker("a", "1", 1);
  UseUp();
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_EQ(worker.directive().ranks_size(), 1);
  EXPECT_TRUE(coordinator_
                  ->CancelSweep([] {
                    v1::CancelSweepRequest request;
                    request.set_sweep_id("s2");
                    return request;
                  }())
                  .ok());
}

TEST(SubmissionLimiter, FillsUpInTimeButNoFurther) {
  SubmissionLimiter limiter({/*per_second=*/2, /*at_once=*/3, 10}, absl::ZeroDuration());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.TakeOne(absl::ZeroDuration()).ok());
  EXPECT_EQ(GetRetryDelay(limiter.TakeOne(absl::ZeroDuration())), absl::Milliseconds(500));
  EXPECT_EQ(GetRetryDelay(limiter.TakeOne(absl::Milliseconds(400))), absl::Milliseconds(100));
  EXPECT_TRUE(limiter.TakeOne(absl::Milliseconds(500)).ok());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.TakeOne(absl::Hours(1)).ok());
  EXPECT_FALSE(limiter.TakeOne(absl::Hours(1)).ok());
}

TEST(SubmissionLimiter, BoundsWhatWaits) {
  const SubmissionLimiter limiter({2, 3, /*most_waiting_runs=*/10}, absl::ZeroDuration());
  EXPECT_TRUE(limiter.CheckWaiting(7, 3).ok());
  const absl::Status refused = limiter.CheckWaiting(7, 4);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("7 runs wait; with 4 more"));
  EXPECT_TRUE(GetRetryDelay(refused).has_value());
}

}  // namespace
}  // namespace seedbed
