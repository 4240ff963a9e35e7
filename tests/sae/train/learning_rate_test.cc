#include "sae/train/learning_rate.h"

#include <string>

#include "gtest/gtest.h"

namespace seedbed {
namespace {

using Decay = LearningRateSchedule::Decay;

TEST(LearningRate, WarmUpStartsAtZeroAndReachesThePeak) {
  const LearningRateSchedule schedule{0.4, 4, 12, Decay::kLinear};
  EXPECT_DOUBLE_EQ(schedule.At(0), 0);
  EXPECT_DOUBLE_EQ(schedule.At(1), 0.1);
  EXPECT_DOUBLE_EQ(schedule.At(3), 0.3);
  EXPECT_DOUBLE_EQ(schedule.At(4), 0.4);
}

TEST(LearningRate, DecaysToZeroAtTheLastStepAndStaysThere) {
  const LearningRateSchedule schedule{0.4, 4, 12, Decay::kLinear};
  EXPECT_DOUBLE_EQ(schedule.At(8), 0.2);
  EXPECT_DOUBLE_EQ(schedule.At(11), 0.05);
  EXPECT_DOUBLE_EQ(schedule.At(12), 0);
  EXPECT_DOUBLE_EQ(schedule.At(1000), 0);
}

TEST(LearningRate, WithoutWarmUpTheFirstStepHasThePeak) {
  const LearningRateSchedule schedule{0.4, 0, 4, Decay::kLinear};
  EXPECT_DOUBLE_EQ(schedule.At(0), 0.4);
  EXPECT_DOUBLE_EQ(schedule.At(1), 0.3);
}

TEST(LearningRate, ConstantStaysAtThePeakAfterTheWarmUp) {
  const LearningRateSchedule schedule{0.4, 2, 4, Decay::kConstant};
  EXPECT_DOUBLE_EQ(schedule.At(1), 0.2);
  EXPECT_DOUBLE_EQ(schedule.At(2), 0.4);
  EXPECT_DOUBLE_EQ(schedule.At(1'000'000), 0.4);
}

TEST(LearningRate, AWarmUpAsLongAsTheTrainingEndsInZero) {
  const LearningRateSchedule schedule{0.4, 4, 4, Decay::kLinear};
  EXPECT_DOUBLE_EQ(schedule.At(3), 0.3);
  EXPECT_DOUBLE_EQ(schedule.At(4), 0);
}

TEST(LearningRate, ALaterDecayLeavesThePeakUntilThere) {
  const LearningRateSchedule schedule{0.4, 2, 12, Decay::kLinear, /*decay_start_step=*/8};
  EXPECT_DOUBLE_EQ(schedule.At(7), 0.4);
  EXPECT_DOUBLE_EQ(schedule.At(8), 0.4);
  EXPECT_DOUBLE_EQ(schedule.At(10), 0.2);
  EXPECT_DOUBLE_EQ(schedule.At(12), 0);
}

TEST(LearningRate, CosineEndsAtTheFinalRate) {
  const LearningRateSchedule schedule{0.4, 2, 12, Decay::kCosine, 0, /*final=*/0.1};
  EXPECT_DOUBLE_EQ(schedule.At(2), 0.4);
  EXPECT_DOUBLE_EQ(schedule.At(7), 0.25);
  EXPECT_DOUBLE_EQ(schedule.At(12), 0.1);
  EXPECT_DOUBLE_EQ(schedule.At(1000), 0.1);
}

TEST(LearningRate, AWarmUpMayBeginAboveZero) {
  const LearningRateSchedule schedule{0.4, 4, 12, Decay::kConstant, 0, 0, /*warmup_starts_above_zero=*/true};
  EXPECT_DOUBLE_EQ(schedule.At(0), 0.1);
  EXPECT_DOUBLE_EQ(schedule.At(3), 0.4);
}

}  // namespace
}  // namespace seedbed
