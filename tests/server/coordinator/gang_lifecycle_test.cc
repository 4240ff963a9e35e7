// From placement to the end of a gang, with everything that can go wrong on the way.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "prometheus/text_serializer.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GangLifecycleTest : public CoordinatorFixture {
 protected:
  // A worker with its slots, connected, and a sweep of three seeds placed on it.
  void Start(int slots = 1, int ranks = 0) {
    ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
    for (int i = 1; i < slots; ++i) {
      *worker_.report().add_slots() = worker_.report().slots(0);
      worker_.report().mutable_slots(i)->set_slot_id(absl::StrCat("cpu:", i));
    }
    ASSERT_TRUE(worker_.Report().ok());
    v1::SweepSpec spec = DemoSweep();
    if (ranks > 0) spec.mutable_resources()->set_ranks(ranks);
    ASSERT_TRUE(Submit(spec, worker_).ok());
    ASSERT_TRUE(worker_.Obey().ok());
  }

  FakeWorker worker_{"a", "1", 1};
};

TEST_F(GangLifecycleTest, RunsToSuccessThroughEveryState) {
  Start();
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  const v1::DesiredRank& desired = worker_.directive().ranks(0);
  EXPECT_EQ(desired.slot_id(), "cpu:0");
  EXPECT_EQ(desired.world_size(), 1);
  EXPECT_EQ(desired.key().attempt(), 1);
  EXPECT_EQ(desired.gang().gang_id(), "s1-g0");
  EXPECT_EQ(desired.gang().stream().sequences(), 512);
  ASSERT_EQ(desired.gang().runs_size(), 3);
  EXPECT_EQ(desired.gang().runs(2).sae().seed(), 2);
  EXPECT_EQ(worker_.directive().lease_ms(), 15'000);
  EXPECT_EQ(worker_.directive().acknowledged_sequence(), worker_.report().sequence());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_PLACED);

  worker_.Step(0);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_PLACED);
  worker_.Step(5);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_TRAINING);
  EXPECT_EQ(GetRun("s1-r0").progress().step(), 5);
  worker_.Export();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r2").state(), v1::RUN_STATE_EXPORTING);
  worker_.Succeed();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r1").state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(GetRun("s1-r1").result().steps(), 4080);
  EXPECT_FALSE(GetRun("s1-r1").has_progress());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(worker_.directive().ranks_size(), 1) << "until its process is gone";
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_THAT(worker_.directive().ranks(), IsEmpty());
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_ENDED);
}

TEST_F(GangLifecycleTest, AnnouncesTheSiblingSetWithItsLastRun) {
  Start();
  worker_.Step(1);
  worker_.SucceedOne("s1-r0");
  worker_.SucceedOne("s1-r1");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(CountEvents(v1::Event::kSiblingSetFinished), 0);
  worker_.SucceedOne("s1-r2");
  ASSERT_TRUE(worker_.Report().ok());
  const std::vector<v1::Event> events = store_.events();
  const v1::Event& last = events.back();
  ASSERT_TRUE(last.has_sibling_set_finished());
  EXPECT_THAT(last.sibling_set_finished().run_ids(), ElementsAre("s1-r0", "s1-r1", "s1-r2"));
  EXPECT_THAT(last.sibling_set_finished().seeds(), ElementsAre(0, 1, 2));
  EXPECT_EQ(last.sibling_set_finished().results_size(), 3);
  EXPECT_EQ(last.sibling_set_finished().threshold(), 0.7);
  EXPECT_EQ(store_.transactions().back(), 3)
      << "RunsAdvanced to EXPORTING, RunSucceeded and the set, in one transaction";
  EXPECT_TRUE(GetSweep().sibling_sets(0).finished());
}

TEST_F(GangLifecycleTest, AnnouncesWhatSucceededBeforeTheSweepWasCancelled) {
  Start();
  worker_.SucceedOne("s1-r0");
  worker_.SucceedOne("s1-r2");
  ASSERT_TRUE(worker_.Report().ok());
  v1::CancelSweepRequest request;
  request.set_sweep_id("s1");
  ASSERT_TRUE(coordinator_->CancelSweep(request).ok());
  const std::vector<v1::Event> events = store_.events();
  ASSERT_TRUE(events.back().has_sibling_set_finished());
  EXPECT_THAT(events.back().sibling_set_finished().run_ids(), ElementsAre("s1-r0", "s1-r2"));
  EXPECT_EQ(store_.transactions().back(), 3) << "SweepCancelled, GangAttemptEnded and the set";
}

TEST_F(GangLifecycleTest, AReportThatSkipsStatesPassesThroughThem) {
  Start();
  worker_.Succeed();
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(CountEvents(v1::Event::kRunsAdvanced), 2);
  EXPECT_EQ(CountEvents(v1::Event::kGangAttemptEnded), 1);
}

TEST_F(GangLifecycleTest, RepeatedReportsChangeNothing) {
  Start();
  worker_.Step(3);
  worker_.SucceedOne("s1-r0");
  ASSERT_TRUE(worker_.Report().ok());
  const size_t events = store_.events().size();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(store_.events().size(), events);
}

TEST_F(GangLifecycleTest, ALateReportChangesNothingButIsAnswered) {
  Start();
  v1::WorkerReport late = worker_.report();
  worker_.Step(3);
  ASSERT_TRUE(worker_.Report().ok());
  late.mutable_ranks(0)->set_state(v1::RANK_STATE_EXITED);
  const int sends = worker_.sink().sends;
  ASSERT_TRUE(coordinator_->Report(worker_.session(), late).ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_TRAINING);
  EXPECT_GT(worker_.sink().sends, sends);
}

TEST_F(GangLifecycleTest, ADeadRankIsRetriedAfterABackoff) {
  Start();
  worker_.Step(1);
  ASSERT_TRUE(worker_.Report().ok());
  worker_.Die(v1::FAILURE_KIND_RANK_DIED, "killed by signal 9 (Killed)", 9);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_QUEUED);
  EXPECT_EQ(GetRun("s1-r0").failure().signal(), 9);
  EXPECT_FALSE(GetRun("s1-r0").has_progress());
  EXPECT_EQ(GetSweep().gangs(0).failed_attempts(), 1);
  EXPECT_THAT(GetSweep().gangs(0).placements(), IsEmpty());
  EXPECT_THAT(worker_.directive().ranks(), IsEmpty());
  EXPECT_LE(alarm_.earliest, absl::Seconds(1));
  ASSERT_TRUE(worker_.Obey().ok());
  clock_.Advance(absl::Milliseconds(999));
  coordinator_->Tick();
  EXPECT_THAT(worker_.directive().ranks(), IsEmpty());
  clock_.Advance(absl::Milliseconds(1));
  coordinator_->Tick();
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  EXPECT_EQ(worker_.directive().ranks(0).key().attempt(), 2);
  TrainToTheEnd(worker_);
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_FALSE(GetRun("s1-r0").has_failure());
}

TEST_F(GangLifecycleTest, GivesUpAfterTheLastRetry) {
  Start();
  for (int attempt = 1; attempt <= 4; ++attempt) {
    ASSERT_EQ(worker_.directive().ranks_size(), 1) << attempt;
    worker_.Die(v1::FAILURE_KIND_RANK_DIED, absl::StrCat("attempt ", attempt));
    ASSERT_TRUE(worker_.Report().ok());
    ASSERT_TRUE(worker_.Obey().ok());
    Pass(absl::Seconds(4));
    ASSERT_TRUE(worker_.Obey().ok());
  }
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_FAILED);
  EXPECT_EQ(GetRun("s1-r2").state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(GetRun("s1-r2").failure().message(), "attempt 4");
  EXPECT_THAT(worker_.directive().ranks(), IsEmpty());
  EXPECT_EQ(CountEvents(v1::Event::kSiblingSetFinished), 0);
}

TEST_F(GangLifecycleTest, OutOfMemoryIsTriedOnceMoreWithLess) {
  Start();
  EXPECT_FALSE(worker_.directive().ranks(0).gang().low_memory());
  worker_.Die(v1::FAILURE_KIND_OUT_OF_MEMORY, "CUDA out of memory");
  ASSERT_TRUE(worker_.Report().ok());
  ASSERT_TRUE(worker_.Obey().ok());
  Pass(absl::Seconds(4));
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  EXPECT_TRUE(worker_.directive().ranks(0).gang().low_memory());
  worker_.Die(v1::FAILURE_KIND_OUT_OF_MEMORY, "CUDA out of memory again");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_FAILED);
  EXPECT_EQ(GetRun("s1-r1").failure().message(), "CUDA out of memory again");
}

TEST_F(GangLifecycleTest, AUserErrorFailsTheRunsAtOnce) {
  Start();
  worker_.Die(v1::FAILURE_KIND_USER_ERROR, "/models/smollm2-135m: no such folder");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_FAILED);
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_ENDED);
  EXPECT_EQ(GetRun("s1-r1").failure().kind(), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(GetRun("s1-r1").failure().message(), "/models/smollm2-135m: no such folder");
}

TEST_F(GangLifecycleTest, ANanFailsItsRunAlone) {
  Start();
  worker_.Step(9);
  worker_.FailRun("s1-r1", v1::FAILURE_KIND_NOT_FINITE);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r1").state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_TRAINING);
  worker_.SucceedOne("s1-r0");
  worker_.SucceedOne("s1-r2");
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_FAILED);
  EXPECT_EQ(CountEvents(v1::Event::kSiblingSetFinished), 1) << "two of the three can be compared";
  EXPECT_THAT(prometheus::TextSerializer().Serialize(metrics_.Collect()),
              HasSubstr("seedbed_coordinator_runs_failed_total{kind=\"not_finite\"} 1"));
}

TEST_F(GangLifecycleTest, ARunOnOtherBatchesThanItsSiblingsFailsTheSweep) {
  Start();
  worker_.Step(1);
  worker_.SucceedOne("s1-r0");
  worker_.SucceedOne("s1-r1", "aabb");
  worker_.SucceedOne("s1-r2");
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_FAILED);
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_ENDED) << "it is not tried again";
  const v1::Run run = GetRun("s1-r1");
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(run.failure().kind(), v1::FAILURE_KIND_BATCH_MISMATCH);
  EXPECT_EQ(run.failure().message(), absl::StrCat("run s1-r1 was trained on batches aabb, but run s1-r0 of the same "
                                                  "stream and hookpoint layers.9 on ",
                                                  FakeWorker::kBatchHash));
  EXPECT_EQ(GetRun("s1-r2").state(), v1::RUN_STATE_SUCCEEDED);
  const v1::Event last = store_.events().back();
  ASSERT_TRUE(last.has_sibling_set_finished());
  EXPECT_THAT(last.sibling_set_finished().run_ids(), ElementsAre("s1-r0", "s1-r2")) << "nothing is compared with it";
}

TEST_F(GangLifecycleTest, ARunThatNamesNoBatchesIsNotTakenForASibling) {
  Start();
  worker_.SucceedOne("s1-r0");
  worker_.SucceedOne("s1-r1", "");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r1").failure().kind(), v1::FAILURE_KIND_BATCH_MISMATCH);
}

TEST_F(GangLifecycleTest, ARetriedRunIsHeldToTheBatchesOfTheEarlierAttempt) {
  Start();
  worker_.SucceedOne("s1-r0");
  worker_.Die(v1::FAILURE_KIND_IO, "disk full");
  ASSERT_TRUE(worker_.Report().ok());
  ASSERT_TRUE(worker_.Obey().ok());
  Pass(absl::Seconds(1));
  Restart();  // The log alone knows the batches of the first attempt.
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  ASSERT_TRUE(worker_.Obey().ok());
  worker_.SucceedOne("s1-r1", "aabb");
  worker_.SucceedOne("s1-r2");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r1").attempt(), 2);
  EXPECT_EQ(GetRun("s1-r1").failure().kind(), v1::FAILURE_KIND_BATCH_MISMATCH);
  EXPECT_EQ(GetRun("s1-r2").state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(GangLifecycleTest, HookpointsHaveBatchesOfTheirOwn) {
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep(1);
  spec.mutable_sae()->add_hookpoints("layers.9.mlp");
  ASSERT_TRUE(Submit(spec, worker_).ok());
  ASSERT_TRUE(worker_.Obey().ok());
  worker_.SucceedOne("s1-r0", "aa");
  worker_.SucceedOne("s1-r1", "bb");
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(GangLifecycleTest, TranscodersHaveBatchesOfTheirOwnAndAreHeldToThem) {
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep(2);
  v1::TranscoderSpec& transcoder = *spec.mutable_sae()->add_transcoders();
  transcoder.set_input("layers.9");
  transcoder.set_target("layers.9.mlp");
  ASSERT_TRUE(Submit(spec, worker_).ok());
  ASSERT_TRUE(worker_.Obey().ok());
  for (const char* autoencoder : {"s1-r0", "s1-r1"}) worker_.SucceedOne(autoencoder, "aa");
  worker_.SucceedOne("s1-r2", "bb");
  worker_.SucceedOne("s1-r3", "cc");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r2").state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(GetRun("s1-r3").failure().message(),
            "run s1-r3 was trained on batches cc, but run s1-r2 of the same stream and hookpoint layers.9 -> "
            "layers.9.mlp on bb");
}

TEST_F(GangLifecycleTest, TheNextAttemptTrainsOnlyWhatIsUnfinished) {
  Start();
  worker_.Step(1);
  worker_.SucceedOne("s1-r1");
  worker_.Die(v1::FAILURE_KIND_IO, "disk full");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r1").state(), v1::RUN_STATE_SUCCEEDED);
  ASSERT_TRUE(worker_.Obey().ok());
  Pass(absl::Seconds(1));
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  const v1::GangSpec& gang = worker_.directive().ranks(0).gang();
  ASSERT_EQ(gang.runs_size(), 2);
  EXPECT_EQ(gang.runs(0).run_id(), "s1-r0");
  EXPECT_EQ(gang.runs(1).run_id(), "s1-r2");
  TrainToTheEnd(worker_);
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(CountEvents(v1::Event::kRunSucceeded), 3);
}

TEST_F(GangLifecycleTest, TheWorkerIsToldOfTheCache) {
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_activations()->mutable_cache()->set_dir("/cache");
  spec.mutable_activations()->mutable_cache()->set_max_bytes(1 << 20);
  ASSERT_TRUE(Submit(spec, worker_).ok());
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  EXPECT_EQ(worker_.directive().ranks(0).gang().cache().max_bytes(), 1 << 20);
}

TEST_F(GangLifecycleTest, TheSpecOfAnAttemptStaysAsItWas) {
  Start();
  worker_.Step(1);
  worker_.SucceedOne("s1-r1");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(worker_.directive().ranks(0).gang().runs_size(), 3);
}

TEST_F(GangLifecycleTest, RanksThatExitWellWithoutAnAnswerAreADefect) {
  Start();
  worker_.SucceedOne("s1-r0");
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(GetRun("s1-r1").state(), v1::RUN_STATE_QUEUED);
  EXPECT_EQ(GetRun("s1-r1").failure().kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_THAT(GetRun("s1-r1").failure().message(), HasSubstr("s1-r1"));
}

TEST_F(GangLifecycleTest, ADeathAfterTheLastAnswerIsNoFailure) {
  Start();
  worker_.Succeed();
  worker_.Die(v1::FAILURE_KIND_RANK_DIED, "killed while it cleaned up", 9);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_ENDED);
  EXPECT_EQ(GetSweep().gangs(0).failed_attempts(), 0);
}

TEST_F(GangLifecycleTest, MessagesOfAnOlderAttemptCountForNothing) {
  Start();
  worker_.Die(v1::FAILURE_KIND_RANK_DIED, "first");
  ASSERT_TRUE(worker_.Report().ok());
  const v1::RankStatus old = worker_.report().ranks(0);
  ASSERT_TRUE(worker_.Obey().ok());
  Pass(absl::Seconds(1));
  ASSERT_TRUE(worker_.Obey().ok());
  const size_t events = store_.events().size();
  v1::RankStatus& ghost = *worker_.report().add_ranks();
  ghost = old;
  ghost.add_outcomes()->set_run_id("s1-r0");
  ghost.mutable_outcomes(0)->mutable_result();
  ghost.add_progress()->set_run_id("s1-r0");
  ghost.mutable_progress(0)->set_step(99);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(store_.events().size(), events);
  EXPECT_FALSE(GetRun("s1-r0").has_progress());
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  EXPECT_EQ(worker_.directive().ranks(0).key().attempt(), 2);
}

TEST_F(GangLifecycleTest, OutcomesOfRunsThatAreNotOfTheGangAreIgnored) {
  Start();
  ASSERT_TRUE(Submit(DemoSweep(), worker_).ok());
  worker_.SucceedOne("s2-r0");
  worker_.SucceedOne("nonsense");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s2-r0").state(), v1::RUN_STATE_QUEUED);
}

TEST_F(GangLifecycleTest, CutsWhatARankSaysOfItsEnd) {
  Start();
  worker_.Die(v1::FAILURE_KIND_USER_ERROR, std::string(100'000, 'x'));
  v1::Failure& failure = *worker_.report().mutable_ranks(0)->mutable_failure();
  for (int i = 0; i < 1000; ++i) failure.add_log_tail(absl::StrCat(i, std::string(2000, 'y')));
  ASSERT_TRUE(worker_.Report().ok());
  const v1::Failure kept = GetRun("s1-r0").failure();
  EXPECT_EQ(kept.message().size(), 2000);
  ASSERT_EQ(kept.log_tail_size(), 50);
  EXPECT_EQ(kept.log_tail(49).substr(0, 4), "999y");
  EXPECT_EQ(kept.log_tail(49).size(), 500);
}

TEST_F(GangLifecycleTest, AllRanksOfAGangArePlacedAtOnceAndFindEachOther) {
  FakeWorker other("b", "1", 1);
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_resources()->set_ranks(2);
  ASSERT_TRUE(Submit(spec, worker_).ok());
  EXPECT_THAT(worker_.directive().ranks(), IsEmpty());
  ASSERT_TRUE(other.Connect(*coordinator_).ok());
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  ASSERT_EQ(other.directive().ranks_size(), 1);
  EXPECT_EQ(worker_.directive().ranks(0).world_size(), 2);
  EXPECT_EQ(other.directive().ranks(0).key().rank(), 1);
  EXPECT_EQ(other.directive().ranks(0).rendezvous_address(), "");
  ASSERT_TRUE(worker_.Obey().ok());
  EXPECT_EQ(other.directive().ranks(0).rendezvous_address(), "10.0.0.1:4000") << "pushed at once";
  const int sends = other.sink().sends;
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(other.sink().sends, sends) << "nothing new, nothing pushed";
  ASSERT_TRUE(other.Obey().ok());
  worker_.Succeed();
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(GetRun("s1-r1").state(), v1::RUN_STATE_PLACED);
  other.Succeed();
  other.Exit();
  ASSERT_TRUE(other.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(GangLifecycleTest, AGangDoesNotStartAnewWhileARankOfItStillRuns) {
  FakeWorker other("b", "1", 2);
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  ASSERT_TRUE(other.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_resources()->set_ranks(3);
  ASSERT_TRUE(Submit(spec, worker_).ok());
  *worker_.report().add_slots() = worker_.report().slots(0);
  worker_.report().mutable_slots(1)->set_slot_id("cpu:1");
  *worker_.report().add_slots() = worker_.report().slots(0);
  worker_.report().mutable_slots(2)->set_slot_id("cpu:2");
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_TRUE(other.Obey().ok());
  ASSERT_GE(other.report().ranks_size(), 1);
  worker_.Die(v1::FAILURE_KIND_RANK_DIED, "died");
  ASSERT_TRUE(worker_.Report().ok());
  ASSERT_TRUE(worker_.Obey().ok());
  Pass(absl::Seconds(2));
  EXPECT_THAT(worker_.directive().ranks(), IsEmpty()) << "three slots are free, but a rank on b has not ended";
  other.Exit();
  ASSERT_TRUE(other.Report().ok());
  EXPECT_EQ(worker_.directive().ranks_size() + other.directive().ranks_size(), 3);
}

TEST_F(GangLifecycleTest, BlamesTheFailureThatExplainsTheOthers) {
  Start(2, 2);
  ASSERT_EQ(worker_.report().ranks_size(), 2);
  worker_.Exit();
  v1::Failure& peer = *worker_.report().mutable_ranks(0)->mutable_failure();
  peer.set_kind(v1::FAILURE_KIND_RANK_DIED);
  peer.set_exit_code(1);
  v1::Failure& cause = *worker_.report().mutable_ranks(1)->mutable_failure();
  cause.set_kind(v1::FAILURE_KIND_USER_ERROR);
  cause.set_message("token 70000 is beyond the vocabulary");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r0").failure().message(), "token 70000 is beyond the vocabulary");
  EXPECT_EQ(GetRun("s1-r0").failure().rank(), 1);
}

TEST_F(GangLifecycleTest, FailuresOfDifferentKindsAreCountedApart) {
  Start();
  for (int lost = 0; lost < 5; ++lost) {
    worker_.Disconnect();
    FakeWorker next("a", absl::StrCat("restart ", lost), 1);
    ASSERT_TRUE(next.Connect(*coordinator_).ok());
    Pass(absl::Seconds(1));
    ASSERT_TRUE(next.Obey().ok());
    worker_ = next;
  }
  worker_.Die(v1::FAILURE_KIND_RANK_DIED, "died");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().gangs(0).failed_attempts(), 6);
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_QUEUED) << "its first death";
}

TEST_F(GangLifecycleTest, AGangThatTakesAnySlotsSharesThem) {
  ASSERT_TRUE(Submit(DemoSweep(100)).ok());
  FakeWorker worker("b", "1", 5);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  std::map<std::string, int> ranks;
  for (const v1::DesiredRank& rank : worker.directive().ranks()) ++ranks[rank.key().gang_id()];
  EXPECT_EQ(ranks["s1-g0"], 2);
  EXPECT_EQ(ranks["s1-g1"], 3);
}

}  // namespace
}  // namespace seedbed
