// What users ask for: runs that are held, resumed, cancelled and retried, workers that drain, quotas.
#include <string>

#include "gmock/gmock.h"
#include "server/state/state.h"
#include "tests/server/state/state_fixture.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StateRequestsTest : public StateFixture {
 protected:
  void ExpectContradiction(const absl::Status& status, const std::string& text) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  v1::GangState GangStateOf(const std::string& gang_id) { return state_.FindGang(gang_id)->gang.state(); }
};

TEST_F(StateRequestsTest, AGangIsHeldWhileAllThatIsLeftOfItIs) {
  ASSERT_TRUE(Submit("s1", 1, 2).ok());
  ASSERT_TRUE(Hold({"s1-r0"}).ok());
  EXPECT_EQ(StateOf("s1-r0"), v1::RUN_STATE_HELD);
  EXPECT_EQ(GangStateOf("s1-g0"), v1::GANG_STATE_QUEUED);
  ASSERT_TRUE(Hold({"s1-r1"}).ok());
  EXPECT_EQ(GangStateOf("s1-g0"), v1::GANG_STATE_HELD);
  EXPECT_TRUE(state_.queued_gangs().empty());
  ExpectContradiction(Place("s1-g0", 1), "is not queued");
  ASSERT_TRUE(Resume({"s1-r0", "s1-r1"}).ok());
  EXPECT_EQ(state_.queued_gangs().size(), 1);
  EXPECT_TRUE(Place("s1-g0", 1).ok());
}

TEST_F(StateRequestsTest, AnAttemptTrainsNoRunThatIsHeld) {
  ASSERT_TRUE(Submit("s1", 1, 3).ok());
  ASSERT_TRUE(Hold({"s1-r1"}).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  EXPECT_THAT(state_.FindGang("s1-g0")->attempt_run_ids, ElementsAre("s1-r0", "s1-r2"));
  for (const std::string run : {"s1-r0", "s1-r2"}) {
    ASSERT_TRUE(Advance("s1-g0", 1, {run}, v1::RUN_STATE_TRAINING).ok());
    ASSERT_TRUE(Advance("s1-g0", 1, {run}, v1::RUN_STATE_EXPORTING).ok());
    ASSERT_TRUE(Succeed(run, 1).ok());
  }
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  EXPECT_EQ(GangStateOf("s1-g0"), v1::GANG_STATE_HELD);
  ASSERT_TRUE(Resume({"s1-r1"}).ok());
  TrainAll("s1-g0", 2);
  ASSERT_TRUE(EndAttempt("s1-g0", 2).ok());
  EXPECT_EQ(DeriveSweepState(*state_.FindSweep("s1")), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(StateRequestsTest, ARunThatIsResumedWhileItsGangRunsWaitsForTheNextAttempt) {
  ASSERT_TRUE(Submit("s1", 1, 2).ok());
  ASSERT_TRUE(Hold({"s1-r1"}).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(Resume({"s1-r1"}).ok());
  EXPECT_EQ(StateOf("s1-r1"), v1::RUN_STATE_QUEUED);
  EXPECT_EQ(GangStateOf("s1-g0"), v1::GANG_STATE_ACTIVE);
  ASSERT_TRUE(Fail("s1-r0", 1).ok());
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  ASSERT_TRUE(Place("s1-g0", 2).ok());
  EXPECT_THAT(state_.FindGang("s1-g0")->attempt_run_ids, ElementsAre("s1-r1"));
}

TEST_F(StateRequestsTest, AnInterruptionIsNoFailure) {
  ASSERT_TRUE(Submit("s1", 1, 2).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(Advance("s1-g0", 1, {"s1-r0"}, v1::RUN_STATE_TRAINING).ok());
  ExpectContradiction(Interrupt("s1-g0", 1, v1::INTERRUPTION_PREEMPTED, /*failed=*/true), "has not failed");
  ASSERT_TRUE(Interrupt("s1-g0", 1, v1::INTERRUPTION_PREEMPTED).ok());
  const GangRecord& gang = *state_.FindGang("s1-g0");
  EXPECT_EQ(gang.gang.failed_attempts(), 0);
  EXPECT_EQ(gang.gang.not_before_unix_ms(), 0);
  EXPECT_EQ(StateOf("s1-r0"), v1::RUN_STATE_QUEUED);
  EXPECT_FALSE(state_.FindRun("s1-r0")->has_failure());
  EXPECT_TRUE(state_.active_gangs().empty());
  EXPECT_TRUE(Place("s1-g0", 2).ok());
}

TEST_F(StateRequestsTest, RefusesWhatARunCanNotBecome) {
  ASSERT_TRUE(Submit("s1", 1, 3).ok());
  ASSERT_TRUE(Submit("s2", 1, 1).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(Fail("s1-r0", 1).ok());
  const std::string before = Dump();
  ExpectContradiction(Hold({"s1-r1"}), "is placed and can't be held");
  ExpectContradiction(Hold({"s1-r0"}), "is failed and can't be held");
  ExpectContradiction(Resume({"s2-r0"}), "is queued and can't be resumed");
  ExpectContradiction(CancelRuns({"s1-r1"}), "is placed and can't be cancelled");
  ExpectContradiction(Retry({"s1-r1"}), "is placed and can't be retried");
  ExpectContradiction(Hold({"s2-r0", "s2-r0"}), "can't be held");
  ExpectContradiction(Hold({"s2-r0", "s1-r1"}), "s2 has no run \"s1-r1\"");
  v1::Event nothing;
  nothing.set_sweep_id("s1");
  nothing.mutable_runs_held();
  ExpectContradiction(Apply(nothing), "names no run");
  EXPECT_EQ(Dump(), before);
}

TEST_F(StateRequestsTest, TheRestOfASweepOutlivesRunsThatAreCancelled) {
  ASSERT_TRUE(Submit("s1", 2, 2).ok());
  ASSERT_TRUE(Hold({"s1-r0"}).ok());
  ASSERT_TRUE(CancelRuns({"s1-r0", "s1-r1"}).ok());
  EXPECT_EQ(GangStateOf("s1-g0"), v1::GANG_STATE_ENDED);
  EXPECT_TRUE(state_.FindSiblingSet("s1-b0")->set.finished());
  EXPECT_FALSE(HasEnded(*state_.FindSweep("s1")));
  TrainAll("s1-g1", 1);
  ASSERT_TRUE(EndAttempt("s1-g1", 1).ok());
  EXPECT_EQ(DeriveSweepState(*state_.FindSweep("s1")), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(StateRequestsTest, ASweepWithoutRunsThatAreLeftIsCancelled) {
  ASSERT_TRUE(Submit("s1", 1, 2).ok());
  ASSERT_TRUE(CancelRuns({"s1-r0", "s1-r1"}).ok());
  EXPECT_EQ(DeriveSweepState(*state_.FindSweep("s1")), v1::SWEEP_STATE_CANCELLED);
}

TEST_F(StateRequestsTest, ARunThatIsRetriedHasAllItsRetriesAgain) {
  ASSERT_TRUE(Submit("s1", 1, 3).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(EndAttempt("s1-g0", 1, /*failed=*/true).ok());
  TrainAll("s1-g0", 2);
  ASSERT_TRUE(EndAttempt("s1-g0", 2).ok());
  ASSERT_TRUE(FinishSet("s1-b0", {"s1-r0", "s1-r1", "s1-r2"}).ok());
  ExpectContradiction(Retry({"s1-r0"}), "is succeeded");

  ASSERT_TRUE(Submit("s2", 1, 2).ok());
  ASSERT_TRUE(Place("s2-g0", 1).ok());
  ASSERT_TRUE(EndAttempt("s2-g0", 1, /*failed=*/true).ok());
  ASSERT_TRUE(Place("s2-g0", 2).ok());
  ASSERT_TRUE(Fail("s2-r0", 2).ok());
  ASSERT_TRUE(Fail("s2-r1", 2).ok());
  ASSERT_TRUE(EndAttempt("s2-g0", 2, /*failed=*/true).ok());
  const SweepRecord& sweep = *state_.FindSweep("s2");
  EXPECT_EQ(DeriveSweepState(sweep), v1::SWEEP_STATE_FAILED);
  ASSERT_TRUE(Retry({"s2-r0", "s2-r1"}).ok());
  EXPECT_EQ(DeriveSweepState(sweep), v1::SWEEP_STATE_RUNNING);
  EXPECT_EQ(sweep.ended_unix_ms, 0);
  EXPECT_EQ(state_.FindGang("s2-g0")->gang.failed_attempts(), 0);
  EXPECT_EQ(state_.FindGang("s2-g0")->failed_attempts, FailureCounts());
  EXPECT_FALSE(state_.FindSiblingSet("s2-b0")->set.finished());
  TrainAll("s2-g0", 3);
  ASSERT_TRUE(EndAttempt("s2-g0", 3).ok());
  EXPECT_TRUE(FinishSet("s2-b0", {"s2-r0", "s2-r1"}).ok());
  EXPECT_EQ(DeriveSweepState(sweep), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(StateRequestsTest, ASetIsAnnouncedAgainAfterARetry) {
  ASSERT_TRUE(Submit("s1", 1, 3).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(Fail("s1-r2", 1).ok());
  for (const std::string run : {"s1-r0", "s1-r1"}) {
    ASSERT_TRUE(Advance("s1-g0", 1, {run}, v1::RUN_STATE_TRAINING).ok());
    ASSERT_TRUE(Advance("s1-g0", 1, {run}, v1::RUN_STATE_EXPORTING).ok());
    ASSERT_TRUE(Succeed(run, 1).ok());
  }
  ASSERT_TRUE(FinishSet("s1-b0", {"s1-r0", "s1-r1"}).ok());
  // While the gang still has its slots: what this attempt said of the run counts no more.
  ASSERT_TRUE(Retry({"s1-r2"}).ok());
  EXPECT_THAT(state_.FindGang("s1-g0")->attempt_run_ids, ElementsAre("s1-r0", "s1-r1"));
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  TrainAll("s1-g0", 2);
  EXPECT_TRUE(FinishSet("s1-b0", {"s1-r0", "s1-r1", "s1-r2"}).ok());
}

TEST_F(StateRequestsTest, ACancelledSweepIsNotRetried) {
  ASSERT_TRUE(Submit("s1", 2, 1).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(Fail("s1-r0", 1).ok());
  ASSERT_TRUE(Cancel("s1").ok());
  ExpectContradiction(Retry({"s1-r0"}), "was cancelled");
}

TEST_F(StateRequestsTest, CancellingASweepEndsWhatIsHeld) {
  ASSERT_TRUE(Submit("s1", 1, 2).ok());
  ASSERT_TRUE(Hold({"s1-r0", "s1-r1"}).ok());
  ASSERT_TRUE(Cancel("s1").ok());
  EXPECT_EQ(GangStateOf("s1-g0"), v1::GANG_STATE_ENDED);
  EXPECT_EQ(StateOf("s1-r0"), v1::RUN_STATE_CANCELLED);
}

TEST_F(StateRequestsTest, WorkersDrainAndUsersHaveQuotasWithoutASweep) {
  v1::Event drain;
  drain.mutable_worker_drain_changed()->set_worker("w");
  drain.mutable_worker_drain_changed()->set_draining(true);
  ASSERT_TRUE(Apply(drain).ok());
  ASSERT_TRUE(Apply(drain).ok());
  EXPECT_THAT(state_.draining_workers(), ElementsAre("w"));
  drain.mutable_worker_drain_changed()->set_draining(false);
  ASSERT_TRUE(Apply(drain).ok());
  EXPECT_THAT(state_.draining_workers(), IsEmpty());
  v1::Event quota;
  quota.mutable_quota_changed()->set_user("anna");
  ExpectContradiction(Apply(quota), "quota of \"anna\"");
  quota.mutable_quota_changed()->set_share(2);
  quota.mutable_quota_changed()->set_most_slots(4);
  ASSERT_TRUE(Apply(quota).ok());
  EXPECT_EQ(state_.users().at("anna").most_slots, 4);
  EXPECT_EQ(state_.users().at("anna").share, 2);
}

TEST_F(StateRequestsTest, UsersHoldSlotsAndWait) {
  v1::Event event = SweepEvent("s1", 2, 1);
  event.mutable_sweep_submitted()->mutable_spec()->mutable_scheduling()->set_user("anna");
  ASSERT_TRUE(Apply(event).ok());
  const UserRecord& anna = state_.users().at("anna");
  EXPECT_EQ(anna.gangs_queued, 2);
  ASSERT_TRUE(Place("s1-g0", 1, 3).ok());
  EXPECT_EQ(anna.gangs_queued, 1);
  EXPECT_EQ(anna.usage.held(v1::DEVICE_KIND_CPU), 3);
  ASSERT_TRUE(Hold({"s1-r1"}).ok());
  EXPECT_EQ(anna.gangs_queued, 0);
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  EXPECT_EQ(anna.usage.held(v1::DEVICE_KIND_CPU), 0);
}

TEST(SlotUsage, WhatWasHeldADayAgoCountsHalf) {
  SlotUsage usage;
  const auto device = v1::DEVICE_KIND_CUDA;
  const int64_t begin = 1'000'000;
  usage.Change(device, 4, begin);
  EXPECT_DOUBLE_EQ(usage.RecentAt(device, begin), 0);
  EXPECT_DOUBLE_EQ(usage.RecentAt(device, begin + kUsageHalfLifeMs), 2);
  usage.Change(device, -4, begin + kUsageHalfLifeMs);
  EXPECT_DOUBLE_EQ(usage.RecentAt(device, begin + 2 * kUsageHalfLifeMs), 1);
  EXPECT_DOUBLE_EQ(usage.RecentAt(device, 0), 2) << "a clock that was set back stands still";
  EXPECT_DOUBLE_EQ(usage.RecentAt(v1::DEVICE_KIND_CPU, begin), 0);
}

TEST_F(StateRequestsTest, KeepsWhatWholeAttemptsTook) {
  v1::Event event = SweepEvent("s1", 2, 1);
  for (v1::Gang& gang : *event.mutable_sweep_submitted()->mutable_gangs()) gang.mutable_estimate()->set_steps_flops(60);
  ASSERT_TRUE(Apply(event).ok());
  ASSERT_TRUE(Place("s1-g0", 1, 2).ok());  // At 2 s.
  ASSERT_TRUE(Advance("s1-g0", 1, {"s1-r0"}, v1::RUN_STATE_TRAINING).ok());
  ASSERT_TRUE(Advance("s1-g0", 1, {"s1-r0"}, v1::RUN_STATE_EXPORTING).ok());
  ASSERT_TRUE(Succeed("s1-r0", 1).ok());
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());  // At 6 s.
  ASSERT_EQ(state_.whole_attempts(v1::DEVICE_KIND_CPU).size(), 1);
  const WholeAttempt& attempt = state_.whole_attempts(v1::DEVICE_KIND_CPU).front();
  EXPECT_EQ(attempt.ranks, 2);
  EXPECT_EQ(attempt.seconds, 4);
  EXPECT_EQ(attempt.work.steps_flops(), 60);
  // The second gang's attempt was its second: it may have gone on from a checkpoint.
  ASSERT_TRUE(Place("s1-g1", 1).ok());
  ASSERT_TRUE(EndAttempt("s1-g1", 1, /*failed=*/true).ok());
  TrainAll("s1-g1", 2);
  ASSERT_TRUE(EndAttempt("s1-g1", 2).ok());
  EXPECT_EQ(state_.whole_attempts(v1::DEVICE_KIND_CPU).size(), 1);
}

}  // namespace
}  // namespace seedbed
