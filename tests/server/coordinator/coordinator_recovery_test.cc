// A coordinator that is killed, and a log that refuses to be written.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class CoordinatorRecoveryTest : public CoordinatorFixture {};

TEST_F(CoordinatorRecoveryTest, ARestartDoesNotLoseARunningGang) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  worker.Step(3);
  ASSERT_TRUE(worker.Report().ok());
  // Down for longer than any lease: how long is known to nobody.
  clock_.Advance(absl::Hours(1));
  Restart();
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_TRAINING);
  EXPECT_EQ(coordinator_->ListWorkers().workers_size(), 0);
  Pass(absl::Seconds(16));
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_TRAINING);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_EQ(worker.directive().ranks_size(), 1);
  EXPECT_EQ(worker.directive().ranks(0).key().attempt(), 1);
  EXPECT_EQ(GetRun("s1-r0").progress().step(), 3);
  worker.Succeed();
  worker.Exit();
  ASSERT_TRUE(worker.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(CoordinatorRecoveryTest, AWorkerThatDoesNotComeBackAfterARestartIsLost) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  Restart();
  EXPECT_LE(alarm_.earliest, absl::Seconds(18));
  FakeWorker spare("b", "1", 1);
  ASSERT_TRUE(spare.Connect(*coordinator_).ok());
  for (int i = 0; i < 19; ++i) {
    Pass(absl::Seconds(1));
    ASSERT_TRUE(spare.Obey().ok());
  }
  ASSERT_EQ(spare.directive().ranks_size(), 1);
  EXPECT_EQ(spare.directive().ranks(0).key().attempt(), 2);
}

// A log of the first release: its sweeps name no user and its placements no kind of device.
TEST_F(CoordinatorRecoveryTest, ReadsALogThatKnewNothingOfScheduling) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  std::vector<v1::Event> events = store_.events();
  for (v1::Event& event : events) {
    if (event.has_sweep_submitted()) {
      event.mutable_sweep_submitted()->mutable_spec()->clear_scheduling();
      for (v1::Gang& gang : *event.mutable_sweep_submitted()->mutable_gangs()) gang.clear_estimate();
    }
    if (event.has_gang_placed()) event.mutable_gang_placed()->clear_device();
  }
  FakeEventStore old;
  ASSERT_TRUE(old.Append(events).ok());
  auto recovered = Coordinator::Recover({}, {&old, &clock_, &alarm_, &metrics_});
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  coordinator_ = *std::move(recovered);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_EQ(worker.directive().ranks_size(), 1);
  TrainToTheEnd(worker);
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(coordinator_->ListUsers().users(0).name(), "default");
  EXPECT_EQ(coordinator_->ListUsers().users(0).slots_held(), 0);
}

TEST_F(CoordinatorRecoveryTest, OutcomesThatWereReportedWhileItWasDownAreTaken) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  Restart();
  worker.Succeed();
  worker.Exit();
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(CoordinatorRecoveryTest, ARestartKeepsABackoffAndTheRetriesUsed) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  worker.Die(v1::FAILURE_KIND_IO, "disk full");
  ASSERT_TRUE(worker.Report().ok());
  Restart();
  worker.report().clear_ranks();
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_THAT(worker.directive().ranks(), IsEmpty());
  EXPECT_EQ(GetSweep().gangs(0).failed_attempts(), 1);
  Pass(absl::Seconds(1));
  EXPECT_EQ(worker.directive().ranks_size(), 1);
}

TEST_F(CoordinatorRecoveryTest, AfterARestartAGangWaitsForTheRanksOfItsLastAttempt) {
  FakeWorker first("a", "1", 1);
  FakeWorker second("b", "1", 1);
  ASSERT_TRUE(first.Connect(*coordinator_).ok());
  ASSERT_TRUE(second.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_resources()->set_ranks(2);
  ASSERT_TRUE(Submit(spec, first).ok());
  ASSERT_TRUE(first.Obey().ok());
  ASSERT_TRUE(second.Obey().ok());
  first.Die(v1::FAILURE_KIND_RANK_DIED, "died");
  ASSERT_TRUE(first.Report().ok());
  Restart();
  FakeWorker third("c", "1", 1);
  ASSERT_TRUE(first.Connect(*coordinator_).ok());
  ASSERT_TRUE(third.Connect(*coordinator_).ok());
  for (int i = 0; i < 10; ++i) {
    Pass(absl::Seconds(1));
    ASSERT_TRUE(first.Obey().ok());
    ASSERT_TRUE(third.Obey().ok());
  }
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_QUEUED) << "b may still run its rank";
  for (int i = 0; i < 8; ++i) {
    Pass(absl::Seconds(1));
    ASSERT_TRUE(first.Obey().ok());
    ASSERT_TRUE(third.Obey().ok());
  }
  EXPECT_EQ(GetSweep().gangs(0).attempt(), 2) << "b's lease is over";
}

TEST_F(CoordinatorRecoveryTest, ALogThatIsFullAcknowledgesNothing) {
  store_.FailWith(absl::ResourceExhaustedError("events.db: database or disk is full"));
  const absl::Status refused = Submit(DemoSweep(), "key").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("nothing was changed: events.db: database or disk is full"));
  EXPECT_EQ(coordinator_->Health().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(coordinator_->Gauges().log_writable);
  EXPECT_EQ(coordinator_->ListSweeps({})->sweeps_size(), 0) << "reading goes on";
  store_.FailWith(absl::OkStatus());
  const auto accepted = Submit(DemoSweep(), "key");
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(accepted->sweep().sweep_id(), "s1");
  EXPECT_TRUE(coordinator_->Health().ok());
}

TEST_F(CoordinatorRecoveryTest, OtherTroubleOfTheLogIsUnavailable) {
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  for (const absl::Status& trouble :
       {absl::PermissionDeniedError("read-only"), absl::InternalError("defect"), absl::UnavailableError("I/O error")}) {
    store_.FailWith(trouble);
    EXPECT_EQ(Submit(DemoSweep()).status().code(), absl::StatusCode::kUnavailable);
    v1::CancelSweepRequest cancel;
    cancel.set_sweep_id("s1");
    EXPECT_EQ(coordinator_->CancelSweep(cancel).status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_QUEUED);
  }
}

TEST_F(CoordinatorRecoveryTest, ReportsAreTakenOnceTheLogCanBeWrittenAgain) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  store_.FailWith(absl::ResourceExhaustedError("full"));
  worker.Succeed();
  worker.Exit();
  ASSERT_TRUE(worker.Report().ok()) << "the worker keeps its lease";
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_PLACED);
  EXPECT_EQ(worker.directive().ranks_size(), 1) << "and keeps the outcomes that are not durable yet";
  store_.FailWith(absl::OkStatus());
  ASSERT_TRUE(worker.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_THAT(worker.directive().ranks(), IsEmpty());
}

TEST_F(CoordinatorRecoveryTest, NothingIsPlacedThatIsNotDurable) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  store_.FailWith(absl::ResourceExhaustedError("full"));
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_THAT(worker.directive().ranks(), IsEmpty());
  store_.FailWith(absl::OkStatus());
  ASSERT_TRUE(worker.Report().ok());
  EXPECT_EQ(worker.directive().ranks_size(), 1);
}

TEST_F(CoordinatorRecoveryTest, RefusesALogThatContradictsItself) {
  FakeEventStore store;
  v1::Event event;
  event.set_number(1);
  event.set_sweep_id("s1");
  event.mutable_sweep_cancelled();
  ASSERT_TRUE(store.Append({event}).ok());
  const absl::Status status = Coordinator::Recover({}, {&store, &clock_, &alarm_, &metrics_}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("event 1: there is no sweep \"s1\""));
}

}  // namespace
}  // namespace seedbed
