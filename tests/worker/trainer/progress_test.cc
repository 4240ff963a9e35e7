#include "worker/trainer/progress.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(EstimateSecondsLeftTest, IsUnknownBeforeTheFirstStep) {
  TrainingProgress progress;
  progress.elapsed = absl::Seconds(10);
  progress.harvest_time = absl::Seconds(10);
  progress.tokens_harvested = 100;
  progress.tokens_to_harvest = 1000;
  progress.total_steps = 50;
  EXPECT_LT(EstimateSecondsLeft(progress), 0);
}

TEST(EstimateSecondsLeftTest, AddsTheHarvestAndTheStepsThatAreLeft) {
  TrainingProgress progress;
  progress.elapsed = absl::Seconds(30);
  progress.harvest_time = absl::Seconds(20);  // 0.1 s a token.
  progress.tokens_harvested = 200;
  progress.tokens_to_harvest = 500;
  progress.steps = 40;  // 0.25 s a step.
  progress.total_steps = 100;
  EXPECT_DOUBLE_EQ(EstimateSecondsLeft(progress), 300 * 0.1 + 60 * 0.25);
}

TEST(EstimateSecondsLeftTest, IsZeroAtTheEnd) {
  TrainingProgress progress;
  progress.elapsed = absl::Seconds(30);
  progress.harvest_time = absl::Seconds(20);
  progress.tokens_harvested = progress.tokens_to_harvest = 500;
  progress.steps = progress.total_steps = 100;
  EXPECT_DOUBLE_EQ(EstimateSecondsLeft(progress), 0);
}

}  // namespace
}  // namespace seedbed
