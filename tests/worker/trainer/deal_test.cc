#include "worker/trainer/deal.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;

TEST(DealRunsTest, EqualRunsGoRoundInTheirOrder) {
  EXPECT_THAT(DealRuns({5, 5, 5, 5, 5}, 2), ElementsAre(0, 1, 0, 1, 0));
  EXPECT_THAT(DealRuns({5, 5, 5}, 1), ElementsAre(0, 0, 0));
}

TEST(DealRunsTest, LongestFirstEvensTheLoad) { EXPECT_THAT(DealRuns({1, 2, 3, 6}, 2), ElementsAre(1, 1, 1, 0)); }

TEST(DealRunsTest, RanksBeyondTheRunsGetNone) { EXPECT_THAT(DealRuns({4, 4}, 4), ElementsAre(0, 1)); }

}  // namespace
}  // namespace seedbed
