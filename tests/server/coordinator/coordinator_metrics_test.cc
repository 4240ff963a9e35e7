#include "server/coordinator/coordinator_metrics.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const CoordinatorMetrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

TEST(CoordinatorMetricsTest, EveryKindOfFailureIsThereFromTheStart) {
  const std::string text = Text(CoordinatorMetrics());
  EXPECT_THAT(text, HasSubstr("seedbed_coordinator_runs_failed_total{kind=\"not_finite\"} 0"));
  EXPECT_THAT(text, HasSubstr("seedbed_coordinator_runs_failed_total{kind=\"batch_mismatch\"} 0"));
  EXPECT_THAT(text, HasSubstr("seedbed_coordinator_attempts_failed_total{kind=\"rank_died\"} 0"));
  EXPECT_THAT(text, Not(HasSubstr("unspecified")));
}

TEST(CoordinatorMetricsTest, FailedRunsAndFailedAttemptsAreCountedApart) {
  CoordinatorMetrics metrics;
  metrics.RunFailed(v1::FAILURE_KIND_NOT_FINITE);
  metrics.RunFailed(v1::FAILURE_KIND_NOT_FINITE);
  metrics.AttemptFailed(v1::FAILURE_KIND_IO);
  const std::string text = Text(metrics);
  EXPECT_THAT(text, HasSubstr("seedbed_coordinator_runs_failed_total{kind=\"not_finite\"} 2"));
  EXPECT_THAT(text, HasSubstr("seedbed_coordinator_runs_failed_total{kind=\"io\"} 0"));
  EXPECT_THAT(text, HasSubstr("seedbed_coordinator_attempts_failed_total{kind=\"io\"} 1"));
}

}  // namespace
}  // namespace seedbed
