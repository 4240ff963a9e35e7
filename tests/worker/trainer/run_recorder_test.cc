#include "worker/trainer/run_recorder.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::StartsWith;

StreamConfig Stream(int64_t rows_per_epoch, int64_t epochs, int64_t batch_tokens) {
  StreamConfig config;
  config.sequence_length = 1;
  config.sequences = rows_per_epoch;
  config.epochs = epochs;
  config.batch_tokens = batch_tokens;
  return config;
}

StepMetrics MetricsWith(double value) {
  return {value, 10 * value, 100 * value, value / 1000, value / 10, 2 * value, value / 2};
}

RunRecorder RecordAll(const StreamConfig& stream) {
  LearningRateSchedule schedule;
  schedule.peak = 0.5;
  schedule.total_steps = stream.total_batches();
  schedule.decay = LearningRateSchedule::Decay::kConstant;
  RunRecorder recorder(stream, schedule);
  for (int64_t step = 1; step <= stream.total_batches(); ++step) recorder.Add(MetricsWith(static_cast<double>(step)));
  return recorder;
}

std::vector<std::string> Lines(const RunRecorder& recorder) {
  return absl::StrSplit(recorder.training_csv(), '\n', absl::SkipEmpty());
}

// 10 rows an epoch, batches of 4: batches begin at rows 0 4 8 | 12 16 | 20 24; the last two begin in the third epoch.
TEST(RunRecorderTest, AveragesTheStepsWhoseBatchBeginsInTheLastEpoch) {
  const StepMetrics result = RecordAll(Stream(10, 3, 4)).Result();
  EXPECT_DOUBLE_EQ(result.fvu, 6.5);
  EXPECT_DOUBLE_EQ(result.mse, 65);
  EXPECT_DOUBLE_EQ(result.l0, 650);
  EXPECT_DOUBLE_EQ(result.auxiliary_loss, 0.65);
  EXPECT_DOUBLE_EQ(result.loss, 13);
  EXPECT_DOUBLE_EQ(result.sparsity_coefficient, 3.25);
  EXPECT_DOUBLE_EQ(result.dead_fraction, 0.007);
}

TEST(RunRecorderTest, OneEpochIsAveragedWhole) { EXPECT_DOUBLE_EQ(RecordAll(Stream(12, 1, 4)).Result().fvu, 2); }

// Two batches of 40 in 9 epochs of 10 rows: none begins in the last one.
TEST(RunRecorderTest, AveragesAtLeastTheLastStep) { EXPECT_DOUBLE_EQ(RecordAll(Stream(10, 9, 40)).Result().fvu, 2); }

// Of 25 steps the last tenth, rounded up, is 3.
TEST(RunRecorderTest, FinalL0IsOfTheLastTenthOfTheSteps) {
  EXPECT_DOUBLE_EQ(RecordAll(Stream(100, 1, 4)).FinalL0(), 2400);
  EXPECT_DOUBLE_EQ(RecordAll(Stream(4, 1, 4)).FinalL0(), 100);
}

TEST(MissesTargetL0Test, AllowsTwoPercentEitherWay) {
  for (const double reached : {31.37, 32.0, 32.63}) EXPECT_FALSE(MissesTargetL0(reached, 32)) << reached;
  for (const double reached : {0.0, 31.35, 32.65, std::nan("")}) EXPECT_TRUE(MissesTargetL0(reached, 32)) << reached;
}

TEST(RunRecorderTest, CsvHasEveryStepOfAShortRun) {
  const std::vector<std::string> lines = Lines(RecordAll(Stream(12, 1, 4)));
  ASSERT_EQ(lines.size(), 4);
  EXPECT_EQ(lines[0], "step,learning_rate,fvu,mse,l0,dead_fraction,auxiliary_loss,loss,sparsity_coefficient");
  EXPECT_EQ(lines[1], "1,0.5,1,10,100,0.001,0.1,2,0.5");
  EXPECT_EQ(lines[3], "3,0.5,3,30,300,0.003,0.3,6,1.5");
}

TEST(RunRecorderTest, CsvOfALongRunIsThinnedAndEndsWithTheLastStep) {
  const std::vector<std::string> lines = Lines(RecordAll(Stream(10'001, 1, 1)));
  EXPECT_THAT(lines[1], StartsWith("3,"));
  EXPECT_THAT(lines[2], StartsWith("6,"));
  EXPECT_THAT(lines.back(), StartsWith("10001,"));
  EXPECT_LE(lines.size(), 4096 + 2);
}

}  // namespace
}  // namespace seedbed
