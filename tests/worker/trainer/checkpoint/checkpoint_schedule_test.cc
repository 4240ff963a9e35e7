#include "worker/trainer/checkpoint/checkpoint_schedule.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Those of the first `steps` that are due at so many seconds a step.
std::vector<int64_t> DueSteps(const CheckpointSchedule& schedule, int64_t steps, double seconds, int64_t first = 0) {
  std::vector<int64_t> due;
  for (int64_t step = first + 1; step <= steps; ++step) {
    const int64_t taken = step - first;
    if (schedule.IsDue(step, taken, absl::Seconds(seconds) * taken)) due.push_back(step);
  }
  return due;
}

TEST(CheckpointScheduleTest, ByRowsEveryStepThatPassesAMultiple) {
  EXPECT_THAT(DueSteps({100, absl::ZeroDuration(), 64}, 10, 1), ElementsAre(2, 4, 5, 7, 8, 10));
  EXPECT_THAT(DueSteps({640, absl::ZeroDuration(), 64}, 25, 1), ElementsAre(10, 20));
  EXPECT_THAT(DueSteps({10, absl::ZeroDuration(), 64}, 3, 1), ElementsAre(1, 2, 3));
}

TEST(CheckpointScheduleTest, ByTimeAPowerOfTwoOfStepsThatTakeNoLonger) {
  const CheckpointSchedule schedule(0, absl::Seconds(60), 64);
  EXPECT_THAT(DueSteps(schedule, 40, 7), ElementsAre(8, 16, 24, 32, 40));
  EXPECT_THAT(DueSteps(schedule, 4, 100), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(DueSteps(schedule, 1000, 1e-3), IsEmpty());
}

TEST(CheckpointScheduleTest, OfASlowerRankTheStepsHoldThoseOfAFasterOne) {
  const CheckpointSchedule schedule(0, absl::Seconds(60), 64);
  const std::vector<int64_t> slow = DueSteps(schedule, 200, 9);
  for (const int64_t step : DueSteps(schedule, 200, 2)) {
    EXPECT_THAT(slow, ::testing::Contains(step));
  }
}

TEST(CheckpointScheduleTest, StepsStayTheSameForWhoBeginsLater) {
  const CheckpointSchedule schedule(0, absl::Seconds(60), 64);
  EXPECT_THAT(DueSteps(schedule, 30, 7, /*first=*/5), ElementsAre(8, 16, 24));
}

TEST(CheckpointScheduleTest, NeitherMeansNever) {
  EXPECT_THAT(DueSteps({0, absl::ZeroDuration(), 64}, 100, 1), IsEmpty());
}

TEST(CheckpointScheduleTest, EitherIsEnough) {
  EXPECT_THAT(DueSteps({320, absl::Seconds(16), 64}, 10, 4), ElementsAre(4, 5, 8, 10));
}

}  // namespace
}  // namespace seedbed
