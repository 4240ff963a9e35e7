#include "server/scheduler/retry_policy.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(RetryPolicy, NeverRetriesWhatTheSameInputGivesAgain) {
  EXPECT_EQ(RetryBackoffMs(v1::FAILURE_KIND_USER_ERROR, 1), std::nullopt);
  EXPECT_EQ(RetryBackoffMs(v1::FAILURE_KIND_NOT_FINITE, 1), std::nullopt);
  EXPECT_EQ(RetryBackoffMs(v1::FAILURE_KIND_BATCH_MISMATCH, 1), std::nullopt);
}

TEST(RetryPolicy, RetriesThreeTimesWithADoublingBackoff) {
  for (const v1::FailureKind kind : {v1::FAILURE_KIND_RANK_DIED, v1::FAILURE_KIND_IO, v1::FAILURE_KIND_INTERNAL,
                                     v1::FAILURE_KIND_UNSPECIFIED, static_cast<v1::FailureKind>(77)}) {
    EXPECT_EQ(RetryBackoffMs(kind, 1), 1000);
    EXPECT_EQ(RetryBackoffMs(kind, 2), 2000);
    EXPECT_EQ(RetryBackoffMs(kind, 3), 4000);
    EXPECT_EQ(RetryBackoffMs(kind, 4), std::nullopt);
  }
}

TEST(RetryPolicy, BearsWithLostWorkers) {
  for (int failures = 1; failures <= 20; ++failures) {
    EXPECT_EQ(RetryBackoffMs(v1::FAILURE_KIND_WORKER_LOST, failures), 500);
  }
  EXPECT_EQ(RetryBackoffMs(v1::FAILURE_KIND_WORKER_LOST, 21), std::nullopt);
}

TEST(RetryPolicy, NoBackoffIsLongerThanTheLongest) {
  for (int kind = 0; kind < v1::FailureKind_ARRAYSIZE; ++kind) {
    for (int failures = 0; failures < 30; ++failures) {
      EXPECT_LE(RetryBackoffMs(static_cast<v1::FailureKind>(kind), failures).value_or(0), kLongestBackoffMs);
    }
  }
}

}  // namespace
}  // namespace seedbed
