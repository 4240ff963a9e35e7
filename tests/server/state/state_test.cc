#include "server/state/state.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/server/state/state_fixture.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class StateTest : public StateFixture {
 protected:
  void ExpectContradiction(const absl::Status& status, const std::string& text) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }
};

TEST_F(StateTest, RefusesAGapARepeatAndAnUnknownBody) {
  ASSERT_TRUE(Submit("s1", 1, 1).ok());
  const std::string before = Dump();
  v1::Event event;
  event.set_sweep_id("s1");
  event.mutable_sweep_cancelled();
  for (const int64_t number : {0, 1, 3}) {
    event.set_number(number);
    ExpectContradiction(state_.Apply(event), "event 2 must follow");
  }
  event.clear_body();
  event.set_number(2);
  ExpectContradiction(state_.Apply(event), "says nothing");
  EXPECT_EQ(Dump(), before);
}

TEST_F(StateTest, RefusesWhatNamesNothingThatExists) {
  ASSERT_TRUE(Submit("s1", 2, 2).ok());
  ASSERT_TRUE(Submit("s2", 1, 1).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  const std::string before = Dump();
  ExpectContradiction(Cancel("s9"), "no sweep \"s9\"");
  ExpectContradiction(Place("s1-g9", 1), "no gang \"s1-g9\"");
  ExpectContradiction(Succeed("s1-r9", 1), "no run \"s1-r9\"");
  ExpectContradiction(FinishSet("s1-b9", {}), "no sibling set \"s1-b9\"");
  ExpectContradiction(Advance("s1-g0", 1, {"s2-r0"}, v1::RUN_STATE_TRAINING), "no run \"s2-r0\"");
  ExpectContradiction(Advance("s1-g0", 1, {"s1-r2"}, v1::RUN_STATE_TRAINING), "s1-g1 is not active");
  ExpectContradiction(Advance("s1-g0", 1, {"s1-r0", "s1-r0"}, v1::RUN_STATE_TRAINING), "can't go");
  ExpectContradiction(Advance("s1-g0", 1, {"s1-r0"}, v1::RUN_STATE_SUCCEEDED), "no run advances");
  EXPECT_EQ(Dump(), before);
}

TEST_F(StateTest, RefusesSubmissionsThatContradictThemselves) {
  const auto expect = [&](void (*spoil)(v1::SweepSubmitted&), const std::string& text) {
    v1::Event event = SweepEvent("s1", 2, 2);
    spoil(*event.mutable_sweep_submitted());
    ExpectContradiction(Apply(event), text);
    EXPECT_EQ(state_.sweeps().size(), 0);
  };
  expect([](v1::SweepSubmitted& body) { body.clear_runs(); }, "has no runs");
  expect([](v1::SweepSubmitted& body) { body.mutable_runs(1)->set_run_id("s1-r7"); }, "s1-r7");
  expect([](v1::SweepSubmitted& body) { body.mutable_runs(1)->set_state(v1::RUN_STATE_PLACED); }, "not queued");
  expect([](v1::SweepSubmitted& body) { body.mutable_runs(1)->set_gang_id("s1-g1"); }, "not of it");
  expect([](v1::SweepSubmitted& body) { body.mutable_gangs(1)->set_gang_id("s1-g0"); }, "gang 1");
  expect([](v1::SweepSubmitted& body) { body.mutable_gangs(0)->add_run_ids("s1-r0"); }, "listed twice");
  expect([](v1::SweepSubmitted& body) { body.mutable_gangs(0)->mutable_run_ids()->RemoveLast(); }, "in no gang");
  expect([](v1::SweepSubmitted& body) { body.mutable_sibling_sets()->RemoveLast(); }, "in no sibling set");
  ExpectContradiction(Submit("s2", 1, 1), "s1 must follow");
}

TEST_F(StateTest, RefusesAnAttemptThatIsNotCurrent) {
  ASSERT_TRUE(Submit("s1", 1, 2).ok());
  ExpectContradiction(Place("s1-g0", 2), "attempt 2 can't follow 0");
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(EndAttempt("s1-g0", 1, /*failed=*/true).ok());
  ASSERT_TRUE(Place("s1-g0", 2).ok());
  const std::string before = Dump();
  ExpectContradiction(Advance("s1-g0", 1, {"s1-r0"}, v1::RUN_STATE_TRAINING), "attempt 1 found while 2 is current");
  ExpectContradiction(Fail("s1-r0", 1), "attempt 1");
  ExpectContradiction(EndAttempt("s1-g0", 1), "attempt 1");
  EXPECT_EQ(Dump(), before);
}

TEST_F(StateTest, GivesASlotToOneGangAtATime) {
  ASSERT_TRUE(Submit("s1", 2, 1).ok());
  ExpectContradiction(Place("s1-g0", 1, 2, {"cpu:0", "cpu:0"}), "cpu:0 is not free");
  ASSERT_TRUE(Place("s1-g0", 1, 2, {"cpu:0", "cpu:1"}).ok());
  ExpectContradiction(Place("s1-g1", 1, 1, {"cpu:1"}), "slot w/cpu:1 is not free");
  EXPECT_EQ(state_.occupied_slots().at("w").size(), 2);
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  EXPECT_TRUE(state_.occupied_slots().empty());
  EXPECT_TRUE(Place("s1-g1", 1, 1, {"cpu:1"}).ok());
}

TEST_F(StateTest, PlacesExactlyTheRanksWanted) {
  v1::Event event = SweepEvent("s1", 1, 1);
  event.mutable_sweep_submitted()->mutable_gangs(0)->set_ranks_wanted(2);
  ASSERT_TRUE(Apply(event).ok());
  ExpectContradiction(Place("s1-g0", 1, 1), "1 slots for 2 ranks");
  ExpectContradiction(Place("s1-g0", 1, 0), "0 slots for 2 ranks");
  EXPECT_TRUE(Place("s1-g0", 1, 2).ok());
}

TEST_F(StateTest, ARetriedAttemptTrainsOnlyWhatHasNotEnded) {
  ASSERT_TRUE(Submit("s1", 1, 3).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(Advance("s1-g0", 1, {"s1-r0", "s1-r1"}, v1::RUN_STATE_TRAINING).ok());
  ASSERT_TRUE(Advance("s1-g0", 1, {"s1-r0"}, v1::RUN_STATE_EXPORTING).ok());
  ASSERT_TRUE(Succeed("s1-r0", 1).ok());
  ASSERT_TRUE(EndAttempt("s1-g0", 1, /*failed=*/true, /*not_before=*/77).ok());
  EXPECT_EQ(StateOf("s1-r0"), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(StateOf("s1-r1"), v1::RUN_STATE_QUEUED);
  EXPECT_EQ(state_.FindRun("s1-r1")->failure().kind(), v1::FAILURE_KIND_RANK_DIED);
  EXPECT_THAT(state_.backing_off(), ElementsAre(Pair(77, 0)));
  const GangRecord& gang = *state_.FindGang("s1-g0");
  EXPECT_EQ(gang.gang.failed_attempts(), 1);
  EXPECT_EQ(gang.failed_attempts[v1::FAILURE_KIND_RANK_DIED], 1);
  EXPECT_EQ(gang.gang.placements_size(), 1) << "whoever places it next must know where it ran";

  ASSERT_TRUE(Place("s1-g0", 2).ok());
  EXPECT_THAT(gang.attempt_run_ids, ElementsAre("s1-r1", "s1-r2"));
  EXPECT_TRUE(state_.backing_off().empty());
  EXPECT_EQ(state_.FindRun("s1-r0")->attempt(), 1);
  EXPECT_EQ(state_.FindRun("s1-r1")->attempt(), 2);
}

TEST_F(StateTest, SweepStateFollowsItsRuns) {
  ASSERT_TRUE(Submit("s1", 2, 1).ok());
  const SweepRecord& sweep = *state_.FindSweep("s1");
  EXPECT_EQ(DeriveSweepState(sweep), v1::SWEEP_STATE_QUEUED);
  TrainAll("s1-g0", 1);
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  EXPECT_EQ(state_.FindGang("s1-g0")->gang.state(), v1::GANG_STATE_ENDED);
  EXPECT_EQ(DeriveSweepState(sweep), v1::SWEEP_STATE_RUNNING);
  EXPECT_EQ(sweep.ended_unix_ms, 0);
  ASSERT_TRUE(Place("s1-g1", 1).ok());
  ASSERT_TRUE(Fail("s1-r1", 1).ok());
  EXPECT_EQ(DeriveSweepState(sweep), v1::SWEEP_STATE_FAILED);
  EXPECT_EQ(sweep.ended_unix_ms, 1000 * state_.last_event());
  EXPECT_EQ(sweep.run_counts[v1::RUN_STATE_SUCCEEDED], 1);
  EXPECT_EQ(sweep.run_counts[v1::RUN_STATE_FAILED], 1);
  EXPECT_EQ(state_.sweep_counts()[v1::SWEEP_STATE_FAILED], 1);
  EXPECT_EQ(state_.sweep_counts()[v1::SWEEP_STATE_RUNNING], 0);
  const int64_t ended = sweep.ended_unix_ms;
  ASSERT_TRUE(EndAttempt("s1-g1", 1).ok());
  EXPECT_EQ(sweep.ended_unix_ms, ended);
  EXPECT_EQ(sweep.last_event, state_.last_event());
}

TEST_F(StateTest, ACancelledSweepLeavesWhatHasEnded) {
  ASSERT_TRUE(Submit("s1", 3, 1).ok());
  TrainAll("s1-g0", 1);
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  ASSERT_TRUE(Place("s1-g1", 1).ok());
  ASSERT_TRUE(Cancel("s1").ok());
  EXPECT_EQ(StateOf("s1-r0"), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(StateOf("s1-r1"), v1::RUN_STATE_CANCELLED);
  EXPECT_EQ(StateOf("s1-r2"), v1::RUN_STATE_CANCELLED);
  EXPECT_EQ(state_.FindGang("s1-g1")->gang.state(), v1::GANG_STATE_ACTIVE) << "its slots are not free yet";
  EXPECT_EQ(state_.FindGang("s1-g2")->gang.state(), v1::GANG_STATE_ENDED);
  EXPECT_TRUE(state_.queued_gangs().empty());
  ASSERT_TRUE(EndAttempt("s1-g1", 1).ok());
  EXPECT_EQ(state_.FindGang("s1-g1")->gang.state(), v1::GANG_STATE_ENDED);
  EXPECT_EQ(DeriveSweepState(*state_.FindSweep("s1")), v1::SWEEP_STATE_CANCELLED);
  ExpectContradiction(Cancel("s1"), "has ended");
}

TEST_F(StateTest, AnnouncesASiblingSetOnceAndWithThoseThatSucceeded) {
  ASSERT_TRUE(Submit("s1", 1, 3).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(Fail("s1-r1", 1).ok());
  ASSERT_TRUE(Advance("s1-g0", 1, {"s1-r0", "s1-r2"}, v1::RUN_STATE_TRAINING).ok());
  ASSERT_TRUE(Advance("s1-g0", 1, {"s1-r0", "s1-r2"}, v1::RUN_STATE_EXPORTING).ok());
  ASSERT_TRUE(Succeed("s1-r2", 1).ok());
  ExpectContradiction(FinishSet("s1-b0", {"s1-r2"}), "have not ended");
  EXPECT_FALSE(state_.FindSiblingSet("s1-b0")->set.finished());
  ASSERT_TRUE(Succeed("s1-r0", 1).ok());
  EXPECT_TRUE(state_.FindSiblingSet("s1-b0")->set.finished());
  ExpectContradiction(FinishSet("s1-b0", {"s1-r2", "s1-r0"}), "does not list");
  ExpectContradiction(FinishSet("s1-b0", {"s1-r0", "s1-r1", "s1-r2"}), "does not list");
  EXPECT_TRUE(FinishSet("s1-b0", {"s1-r0", "s1-r2"}).ok());
  ExpectContradiction(FinishSet("s1-b0", {"s1-r0", "s1-r2"}), "announced before");
}

TEST_F(StateTest, DoesNotAnnounceASetOfOne) {
  ASSERT_TRUE(Submit("s1", 1, 1).ok());
  TrainAll("s1-g0", 1);
  ExpectContradiction(FinishSet("s1-b0", {"s1-r0"}), "does not list");
}

TEST_F(StateTest, FindsASweepByItsKey) {
  ASSERT_TRUE(Submit("s1", 1, 1, "key").ok());
  ExpectContradiction(Submit("s2", 1, 1, "key"), "idempotency key was used by s1");
  ASSERT_TRUE(Submit("s2", 1, 1).ok());
  ASSERT_TRUE(Submit("s3", 1, 1).ok()) << "no key is no key, not the same key";
  EXPECT_EQ(state_.FindSweepByKey("key"), state_.FindSweep("s1"));
  EXPECT_EQ(state_.FindSweepByKey(""), nullptr);
}

TEST_F(StateTest, QueuesGangsInTheOrderOfSubmission) {
  ASSERT_TRUE(Submit("s1", 2, 1).ok());
  ASSERT_TRUE(Submit("s2", 1, 1).ok());
  ASSERT_TRUE(Place("s1-g0", 1).ok());
  ASSERT_TRUE(EndAttempt("s1-g0", 1).ok());
  std::vector<std::string> queue;
  for (const auto& [order, gang] : state_.queued_gangs()) queue.push_back(gang->gang.gang_id());
  EXPECT_THAT(queue, ElementsAre("s1-g0", "s1-g1", "s2-g0")) << "a gang that was placed before keeps its turn";
}

}  // namespace
}  // namespace seedbed
