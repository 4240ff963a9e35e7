#include "worker/daemon/rank_supervisor.h"

#include <signal.h>

#include <atomic>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "tests/worker/daemon/rank_testing.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Time stands still but for what a test advances.
class RankSupervisorTest : public testing::Test {
 protected:
  RankSupervisorTest() {
    RankSupervisor::Options options{folders_.Options(), slots_, [this] { ++changes_; }};
    supervisor_ = RankSupervisor::Start(std::move(options), &clock_, &metrics_).value();
  }

  // The coordinator answers a report that is sent now.
  void Direct(const std::vector<v1::DesiredRank>& ranks, absl::Duration lease = absl::Seconds(30)) {
    v1::WorkerDirective directive;
    directive.set_lease_ms(absl::ToInt64Milliseconds(lease));
    for (const v1::DesiredRank& rank : ranks) *directive.add_ranks() = rank;
    supervisor_->Apply(directive, clock_.Monotonic());
  }
  v1::RankStatus StatusOf(const std::string& gang_id) {
    for (const v1::RankStatus& status : supervisor_->Statuses()) {
      if (status.key().gang_id() == gang_id) return status;
    }
    return {};
  }
  bool WaitForState(const std::string& gang_id, v1::RankState state) {
    return WaitFor([&] { return StatusOf(gang_id).state() == state; });
  }
  std::string Metrics() { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

  RankFolders folders_;
  FakeClock clock_;
  const std::vector<v1::Slot> slots_ = {CpuSlot(0), CpuSlot(1)};
  prometheus::Registry registry_;
  WorkerMetrics metrics_{registry_, slots_};
  std::atomic<int> changes_{0};
  std::unique_ptr<RankSupervisor> supervisor_;
};

TEST_F(RankSupervisorTest, ADirectiveThatAnswersNoReportStartsNothing) {
  v1::WorkerDirective directive;
  directive.set_lease_ms(30'000);
  *directive.add_ranks() = DesiredOn("cpu:0", "hang");
  supervisor_->Apply(directive, std::nullopt);
  Direct({DesiredOn("cpu:1", "hang-other")});
  ASSERT_TRUE(WaitForState("hang-other", v1::RANK_STATE_RUNNING));
  EXPECT_TRUE(folders_.Starts("hang").empty());
}

TEST_F(RankSupervisorTest, SaysWhichDirectiveItsRanksTakeIntoAccount) {
  EXPECT_EQ(supervisor_->applied_directive(), 0);
  v1::WorkerDirective directive;
  directive.set_lease_ms(30'000);
  directive.set_number(7);
  *directive.add_ranks() = DesiredOn("cpu:0", "hang");
  supervisor_->Apply(directive, clock_.Monotonic());
  ASSERT_TRUE(WaitFor([&] { return supervisor_->applied_directive() == 7; }));
  EXPECT_EQ(supervisor_->Statuses().size(), 1u) << "the rank that it asks for is there by then";
  directive.set_number(8);
  directive.clear_ranks();
  supervisor_->Apply(directive, clock_.Monotonic());
  EXPECT_TRUE(WaitFor([&] { return supervisor_->applied_directive() == 8; }));
}

TEST_F(RankSupervisorTest, AStubbornRankIsGoneBeforeItsLeaseEnds) {
  Direct({DesiredOn("cpu:0", "stubborn"), DesiredOn("cpu:1", "hang")}, absl::Seconds(6));
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_RUNNING));
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  clock_.Advance(absl::Milliseconds(4'001));  // Less than a third is left.
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_EXITED));
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_STOPPING));
  EXPECT_EQ(StatusOf("hang").failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  EXPECT_TRUE(IsAlive(folders_.Starts("stubborn").at(0)));
  clock_.Advance(absl::Milliseconds(1'500));  // Within the grace of SIGTERM; less than a tenth of the lease is left.
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_EXITED));
  EXPECT_EQ(StatusOf("stubborn").failure().signal(), SIGKILL);
  EXPECT_FALSE(IsAlive(folders_.Starts("stubborn").at(0)));
}

TEST_F(RankSupervisorTest, ARankIsToldHowLongItMayRunWithoutItsWorker) {
  Direct({DesiredOn("cpu:0", "lease")}, absl::Seconds(30));
  ASSERT_TRUE(WaitForState("lease", v1::RANK_STATE_EXITED));
  EXPECT_EQ(folders_.Lease("lease"), clock_.Monotonic() + absl::Seconds(27));  // A tenth before its end.
}

TEST_F(RankSupervisorTest, ARankThatLostItsLeaseIsNotStartedAgain) {
  Direct({DesiredOn("cpu:0", "hang")}, absl::Seconds(6));
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  clock_.Advance(absl::Seconds(7));
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_EXITED));
  Direct({DesiredOn("cpu:0", "hang"), DesiredOn("cpu:1", "succeed")});
  ASSERT_TRUE(WaitForState("succeed", v1::RANK_STATE_EXITED));
  EXPECT_EQ(folders_.Starts("hang").size(), 1u);
  EXPECT_EQ(StatusOf("hang").failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  Direct({});
  EXPECT_TRUE(WaitFor([&] { return supervisor_->Statuses().empty(); }));
}

TEST_F(RankSupervisorTest, TheNextRankWaitsForItsSlot) {
  Direct({DesiredOn("cpu:0", "stubborn")});
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_RUNNING));
  Direct({DesiredOn("cpu:0", "hang")});
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_STOPPING));
  Direct({DesiredOn("cpu:0", "hang"), DesiredOn("cpu:1", "succeed")});
  ASSERT_TRUE(WaitForState("succeed", v1::RANK_STATE_EXITED));
  EXPECT_TRUE(folders_.Starts("hang").empty());
  clock_.Advance(absl::Seconds(6));  // The grace is over, the lease is not.
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  EXPECT_FALSE(folders_.SawEndOfInput("stubborn"));
}

TEST_F(RankSupervisorTest, StopEndsEveryRankAndKeepsTheirEnds) {
  Direct({DesiredOn("cpu:0", "hang"), DesiredOn("cpu:1", "hang-2")});
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  ASSERT_TRUE(WaitForState("hang-2", v1::RANK_STATE_RUNNING));
  supervisor_->Stop();
  supervisor_->Stop();
  for (const char* gang : {"hang", "hang-2"}) {
    EXPECT_EQ(StatusOf(gang).state(), v1::RANK_STATE_EXITED);
    EXPECT_THAT(StatusOf(gang).failure().message(), HasSubstr("the worker was told to stop"));
  }
}

TEST_F(RankSupervisorTest, ChangesAreAnnounced) {
  EXPECT_EQ(changes_, 0);
  Direct({DesiredOn("cpu:0", "succeed")});
  ASSERT_TRUE(WaitForState("succeed", v1::RANK_STATE_EXITED));
  EXPECT_TRUE(WaitFor([&] { return changes_ > 0; }));
}

TEST_F(RankSupervisorTest, MetricsFollowTheRanks) {
  EXPECT_THAT(Metrics(), HasSubstr("seedbed_worker_slots{device=\"cpu\"} 2"));
  Direct({DesiredOn("cpu:0", "hang"), DesiredOn("cpu:1", "exit3")}, absl::Seconds(600));
  ASSERT_TRUE(WaitForState("exit3", v1::RANK_STATE_EXITED));
  ASSERT_TRUE(WaitFor([&] { return StatusOf("hang").progress_size() == 2; }));
  ASSERT_TRUE(WaitFor([&] {
    const std::string text = Metrics();
    return text.find("seedbed_worker_tokens_harvested_total 100") != std::string::npos &&
           text.find("seedbed_worker_lease_remaining_seconds 600") != std::string::npos;
  }));
  const std::string running = Metrics();
  EXPECT_THAT(running, HasSubstr("seedbed_worker_ranks{state=\"running\"} 1"));
  EXPECT_THAT(running, HasSubstr("seedbed_worker_ranks{state=\"exited\"} 1"));
  EXPECT_THAT(running, HasSubstr("seedbed_worker_ranks_started_total 2"));
  EXPECT_THAT(running, HasSubstr("seedbed_worker_ranks_failed_total 1"));
  EXPECT_THAT(running, HasSubstr("seedbed_worker_phase_seconds_total{phase=\"harvest\"} 0.5"));
  EXPECT_THAT(running, HasSubstr("seedbed_run_fvu{run=\"hang-run0\"} 0.25"));
  EXPECT_THAT(running, HasSubstr("seedbed_run_step{run=\"hang-run1\"} 1"));
  Direct({}, absl::Seconds(600));
  ASSERT_TRUE(WaitFor([&] { return supervisor_->Statuses().empty(); }));
  const std::string afterwards = Metrics();
  EXPECT_THAT(afterwards, Not(HasSubstr("{run=")));
  EXPECT_THAT(afterwards, HasSubstr("seedbed_worker_tokens_harvested_total 100"));
  EXPECT_THAT(afterwards, HasSubstr("seedbed_worker_ranks{state=\"exited\"} 0"));
  EXPECT_THAT(afterwards, HasSubstr("seedbed_worker_ranks_failed_total 1"));
}

TEST(WorkerMetricsTest, TellsOfCachesStallsAndCheckpoints) {
  prometheus::Registry registry;
  WorkerMetrics metrics(registry, {});
  v1::StreamProgress progress;
  progress.set_rows_from_cache(700);
  progress.set_cache_shards_refused(2);
  progress.set_stall_seconds(0.25);
  progress.set_checkpoints(3);
  progress.set_checkpoint_bytes(4000);
  progress.set_checkpoint_stall_seconds(0.125);
  metrics.AddWork({}, progress);
  const std::string text = prometheus::TextSerializer().Serialize(registry.Collect());
  EXPECT_THAT(text, HasSubstr("seedbed_worker_rows_from_cache_total 700"));
  EXPECT_THAT(text, HasSubstr("seedbed_worker_cache_shards_refused_total 2"));
  EXPECT_THAT(text, HasSubstr("seedbed_worker_phase_seconds_total{phase=\"stall\"} 0.25"));
  EXPECT_THAT(text, HasSubstr("seedbed_worker_checkpoints_total 3"));
  EXPECT_THAT(text, HasSubstr("seedbed_worker_checkpoint_bytes_total 4000"));
  EXPECT_THAT(text, HasSubstr("seedbed_worker_phase_seconds_total{phase=\"checkpoint_stall\"} 0.125"));
}

TEST(WorkerMetricsTest, CountersNeverFall) {
  prometheus::Registry registry;
  WorkerMetrics metrics(registry, {});
  v1::StreamProgress more, less, odd;
  more.set_tokens_harvested(100);
  more.set_step_seconds(2);
  less.set_tokens_harvested(40);
  odd.set_step_seconds(std::numeric_limits<double>::quiet_NaN());
  metrics.AddWork({}, more);
  metrics.AddWork(more, less);
  metrics.AddWork({}, odd);
  const std::string text = prometheus::TextSerializer().Serialize(registry.Collect());
  EXPECT_THAT(text, HasSubstr("seedbed_worker_tokens_harvested_total 100"));
  EXPECT_THAT(text, HasSubstr("seedbed_worker_phase_seconds_total{phase=\"step\"} 2"));
}

}  // namespace
}  // namespace seedbed
