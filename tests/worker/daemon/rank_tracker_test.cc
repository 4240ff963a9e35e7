#include "worker/daemon/rank_tracker.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/daemon/rank_testing.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RankTrackerTest : public testing::Test {
 protected:
  absl::Status Apply(const std::function<void(v1::RankMessage&)>& fill) {
    v1::RankMessage message;
    fill(message);
    return tracker_.Apply(message);
  }
  absl::Status Progress(const std::string& run_id, int64_t step) {
    return Apply([&](v1::RankMessage& message) {
      message.mutable_progress()->set_run_id(run_id);
      message.mutable_progress()->set_step(step);
    });
  }
  absl::Status Exporting(const std::string& run_id) {
    return Apply([&](v1::RankMessage& message) { message.mutable_run_exporting()->set_run_id(run_id); });
  }
  absl::Status Ended(const std::string& run_id, int64_t steps = 5) {
    return Apply([&](v1::RankMessage& message) {
      message.mutable_run_ended()->set_run_id(run_id);
      message.mutable_run_ended()->mutable_result()->set_steps(steps);
    });
  }
  RankTracker tracker_{DesiredOn("cpu:0", "gang"), "host"};
};

TEST_F(RankTrackerTest, RefusesWhatMakesNoSenseAndChangesNothing) {
  const std::string before = tracker_.status().SerializeAsString();
  EXPECT_FALSE(tracker_.Apply(v1::RankMessage()).ok());
  EXPECT_FALSE(Apply([](v1::RankMessage& message) {
                 message.mutable_rank_failed()->set_message(std::string(kMostRankMessageBytes, 'x'));
               }).ok());
  EXPECT_FALSE(Progress("other", 1).ok());
  EXPECT_FALSE(Exporting("").ok());
  EXPECT_FALSE(Ended("other").ok());
  for (const int port : {0, -1, 65536}) {
    EXPECT_FALSE(Apply([&](v1::RankMessage& message) { message.mutable_rendezvous_ready()->set_port(port); }).ok());
  }
  const absl::Status neither =
      Apply([](v1::RankMessage& message) { message.mutable_run_ended()->set_run_id("gang-run0"); });
  EXPECT_THAT(std::string(neither.message()), HasSubstr("neither"));
  const absl::Status both = Apply([](v1::RankMessage& message) {
    message.mutable_run_ended()->set_run_id("gang-run0");
    message.mutable_run_ended()->mutable_result();
    message.mutable_run_ended()->mutable_failure();
  });
  EXPECT_THAT(std::string(both.message()), HasSubstr("both"));
  EXPECT_EQ(tracker_.status().SerializeAsString(), before);
}

TEST_F(RankTrackerTest, KeepsTheLatestProgressOfEachRun) {
  ASSERT_TRUE(Progress("gang-run0", 1).ok());
  ASSERT_TRUE(Progress("gang-run1", 2).ok());
  ASSERT_TRUE(Progress("gang-run0", 3).ok());
  ASSERT_EQ(tracker_.status().progress_size(), 2);
  EXPECT_EQ(tracker_.status().progress(0).step(), 3);
  EXPECT_EQ(tracker_.status().progress(1).step(), 2);
}

TEST_F(RankTrackerTest, ARunGoesFromProgressOverExportingToItsOutcomeAndStaysThere) {
  ASSERT_TRUE(Progress("gang-run0", 1).ok());
  ASSERT_TRUE(Exporting("gang-run0").ok());
  ASSERT_TRUE(Exporting("gang-run0").ok());
  EXPECT_THAT(tracker_.status().exporting_run_ids(), ElementsAre("gang-run0"));
  ASSERT_TRUE(Ended("gang-run0", 5).ok());
  ASSERT_TRUE(Ended("gang-run0", 6).ok());
  ASSERT_TRUE(Progress("gang-run0", 9).ok());
  ASSERT_TRUE(Exporting("gang-run0").ok());
  EXPECT_EQ(tracker_.status().progress_size(), 0);
  EXPECT_EQ(tracker_.status().exporting_run_ids_size(), 0);
  ASSERT_EQ(tracker_.status().outcomes_size(), 1);
  EXPECT_EQ(tracker_.status().outcomes(0).result().steps(), 5);
}

TEST_F(RankTrackerTest, ExitedKeepsOutcomesAndDropsWhatIsUnderWay) {
  ASSERT_TRUE(Ended("gang-run0").ok());
  ASSERT_TRUE(Progress("gang-run1", 1).ok());
  ASSERT_TRUE(Exporting("gang-run1").ok());
  tracker_.MarkExited(nullptr);
  EXPECT_EQ(tracker_.status().state(), v1::RANK_STATE_EXITED);
  EXPECT_FALSE(tracker_.status().has_failure());
  EXPECT_EQ(tracker_.status().outcomes_size(), 1);
  EXPECT_EQ(tracker_.status().progress_size(), 0);
  EXPECT_EQ(tracker_.status().exporting_run_ids_size(), 0);
}

TEST_F(RankTrackerTest, RunsFromHelloAloneAndFromWorkAmongPeers) {
  const auto hello = [](v1::RankMessage& message) { message.mutable_hello()->set_pid(1); };
  EXPECT_EQ(tracker_.status().state(), v1::RANK_STATE_STARTING);
  ASSERT_TRUE(Apply(hello).ok());
  EXPECT_EQ(tracker_.status().state(), v1::RANK_STATE_RUNNING);

  RankTracker of_two(DesiredOn("cpu:0", "gang", 0, 2), "host");
  v1::RankMessage message;
  hello(message);
  ASSERT_TRUE(of_two.Apply(message).ok());
  message.mutable_rendezvous_ready()->set_port(80);
  ASSERT_TRUE(of_two.Apply(message).ok());
  EXPECT_EQ(of_two.status().rendezvous_address(), "host:80");
  EXPECT_EQ(of_two.status().state(), v1::RANK_STATE_STARTING);
  message.mutable_stream_progress()->set_tokens_harvested(1);
  ASSERT_TRUE(of_two.Apply(message).ok());
  EXPECT_EQ(of_two.status().state(), v1::RANK_STATE_RUNNING);
}

TEST_F(RankTrackerTest, AStoppingRankDoesNotRunAgain) {
  tracker_.MarkStopping();
  ASSERT_TRUE(Progress("gang-run0", 1).ok());
  EXPECT_EQ(tracker_.status().state(), v1::RANK_STATE_STOPPING);
}

TEST_F(RankTrackerTest, AReasonWithoutWordsGetsSome) {
  ASSERT_TRUE(Apply([](v1::RankMessage& message) { message.mutable_rank_failed(); }).ok());
  ASSERT_TRUE(tracker_.own_failure().has_value());
  EXPECT_EQ(tracker_.own_failure()->kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_EQ(tracker_.own_failure()->message(), "rank 0 of gang gang gave up without saying why");
  EXPECT_FALSE(tracker_.status().has_failure());  // Not before it has ended.
}

}  // namespace
}  // namespace seedbed
