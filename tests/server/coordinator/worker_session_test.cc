// Sessions and leases: who may report, and when ranks count as gone.
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class WorkerSessionTest : public CoordinatorFixture {
 protected:
  v1::Worker GetWorker(const std::string& name) {
    const v1::ListWorkersResponse response = coordinator_->ListWorkers();
    for (const v1::Worker& worker : response.workers()) {
      if (worker.name() == name) return worker;
    }
    ADD_FAILURE() << "there is no worker " << name;
    return {};
  }
};

TEST_F(WorkerSessionTest, RefusesReportsThatMakeNoSense) {
  const auto expect = [&](const std::function<void(v1::WorkerReport&)>& spoil, const std::string& text) {
    FakeWorker worker("a", "1", 2);
    spoil(worker.report());
    const absl::Status status = worker.Connect(*coordinator_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_EQ(coordinator_->ListWorkers().workers_size(), 0);
    EXPECT_EQ(coordinator_->Gauges().sessions, 0);
  };
  const auto add_rank = [](v1::WorkerReport& report) -> v1::RankStatus& {
    v1::RankStatus& rank = *report.add_ranks();
    rank.mutable_key()->set_gang_id("s1-g0");
    rank.mutable_key()->set_attempt(1);
    rank.set_slot_id("cpu:0");
    rank.set_state(v1::RANK_STATE_RUNNING);
    return rank;
  };
  expect([](auto& report) { report.set_worker_name(""); }, "worker_name: is \"\"");
  expect([](auto& report) { report.set_worker_name("a/b"); }, "worker_name: is \"a/b\"");
  expect([](auto& report) { report.set_worker_name(std::string(65, 'a')); }, "must be 1..64 characters");
  expect([](auto& report) { report.set_instance_id(""); }, "instance_id: must have 1..256 bytes");
  expect([](auto& report) { report.mutable_slots(1)->set_slot_id("cpu:0"); }, "slots[1]: slot_id \"cpu:0\" is there");
  expect([](auto& report) { report.mutable_slots(1)->set_slot_id(""); }, "slots[1]: slot_id must");
  expect([](auto& report) { report.mutable_slots(0)->clear_device(); }, "slots[0]: device is 0");
  expect([&](auto& report) { add_rank(report).set_slot_id("cpu:9"); }, "ranks[0]: is on slot \"cpu:9\"");
  expect([&](auto& report) { add_rank(report).mutable_key()->set_attempt(0); }, "ranks[0]: key names no rank");
  expect([&](auto& report) { add_rank(report).clear_state(); }, "ranks[0]: state is 0");
  expect([&](auto& report) { add_rank(report).add_outcomes()->set_run_id("r"); }, "ranks[0]: the outcome of \"r\"");
  expect(
      [&](auto& report) {
        v1::RunOutcome& outcome = *add_rank(report).add_outcomes();
        outcome.mutable_result();
        outcome.mutable_failure();
      },
      "exactly one of result and failure");
}

TEST_F(WorkerSessionTest, ListsWorkersAndWhetherTheyAreConnected) {
  FakeWorker worker("a", "1", 2);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_TRUE(GetWorker("a").connected());
  EXPECT_EQ(GetWorker("a").slots_size(), 2);
  EXPECT_EQ(GetWorker("a").last_report_unix_ms(), 1'700'000'000'000);
  worker.Disconnect();
  EXPECT_FALSE(GetWorker("a").connected());
  EXPECT_EQ(coordinator_->Gauges().slots, 0);
}

TEST_F(WorkerSessionTest, RefusesASecondInstanceWhileTheFirstIsConnected) {
  FakeWorker first("a", "1", 1);
  ASSERT_TRUE(first.Connect(*coordinator_).ok());
  FakeWorker second("a", "2", 1);
  const absl::Status refused = second.Connect(*coordinator_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("worker a is connected already (instance 1)"));
  EXPECT_TRUE(first.Report().ok()) << "the first is unharmed";
  first.Disconnect();
  EXPECT_TRUE(second.Connect(*coordinator_).ok());
  EXPECT_EQ(GetWorker("a").instance_id(), "2");
}

TEST_F(WorkerSessionTest, TakesASecondInstanceOnceTheFirstIsSilentBeyondItsLease) {
  FakeWorker first("a", "1", 1);
  ASSERT_TRUE(first.Connect(*coordinator_).ok());
  Pass(absl::Seconds(18));
  FakeWorker second("a", "2", 1);
  EXPECT_TRUE(second.Connect(*coordinator_).ok()) << "a machine that was cut off and started anew";
  ASSERT_TRUE(first.sink().closed.has_value());
  EXPECT_EQ(first.sink().closed->code(), absl::StatusCode::kAborted);
  EXPECT_EQ(first.Report().code(), absl::StatusCode::kAborted);
}

TEST_F(WorkerSessionTest, TheSameInstanceMayConnectAgainBeforeItsOldStreamEnds) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  FakeWorker again = worker;
  ASSERT_TRUE(again.Connect(*coordinator_).ok());
  ASSERT_TRUE(worker.sink().closed.has_value());
  EXPECT_EQ(worker.Report().code(), absl::StatusCode::kAborted);
  worker.Disconnect();
  EXPECT_TRUE(GetWorker("a").connected()) << "the end of the old stream is not that of the new one";
  EXPECT_EQ(again.directive().ranks_size(), 1);
  EXPECT_EQ(GetSweep().gangs(0).attempt(), 1);
}

TEST_F(WorkerSessionTest, ASessionBelongsToOneInstance) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  worker.report().set_instance_id("2");
  EXPECT_EQ(worker.Report().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(GetWorker("a").connected());
}

TEST_F(WorkerSessionTest, ANewInstanceLosesTheRanksOfTheOldOne) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  worker.Step(1);
  ASSERT_TRUE(worker.Report().ok());
  worker.Disconnect();
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_TRAINING) << "it may come back";
  FakeWorker restarted("a", "2", 1);
  ASSERT_TRUE(restarted.Connect(*coordinator_).ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_QUEUED);
  EXPECT_EQ(GetRun("s1-r0").failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  EXPECT_THAT(restarted.directive().ranks(), IsEmpty());
  Pass(absl::Milliseconds(500));
  ASSERT_EQ(restarted.directive().ranks_size(), 1);
  EXPECT_EQ(restarted.directive().ranks(0).key().attempt(), 2);
  TrainToTheEnd(restarted);
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(WorkerSessionTest, AWorkerIsLostWhenItsSilenceOutlastsItsLease) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  worker.Disconnect();
  FakeWorker spare("b", "1", 1);
  ASSERT_TRUE(spare.Connect(*coordinator_).ok());
  for (int i = 0; i < 17; ++i) {
    Pass(absl::Seconds(1));
    ASSERT_TRUE(spare.Obey().ok());
  }
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_PLACED) << "15 s of lease and 2 s of grace";
  EXPECT_LE(alarm_.earliest, absl::Seconds(18));
  clock_.Advance(absl::Milliseconds(1));
  coordinator_->Tick();
  EXPECT_EQ(GetRun("s1-r0").failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  EXPECT_THAT(GetRun("s1-r0").failure().message(), HasSubstr("worker a went away"));
  Pass(absl::Seconds(1));
  ASSERT_EQ(spare.directive().ranks_size(), 1);
  EXPECT_EQ(spare.directive().ranks(0).key().attempt(), 2);
}

TEST_F(WorkerSessionTest, AConnectedWorkerThatIsSilentIsLostToo) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  Pass(absl::Seconds(18));
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_QUEUED);
  EXPECT_EQ(coordinator_->Gauges().slots, 0);
  Pass(absl::Seconds(2));
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_QUEUED) << "nothing is placed on it";
  // It speaks again: what it ran is not wanted any more, its slot is free once that is gone.
  ASSERT_TRUE(worker.Report().ok());
  EXPECT_THAT(worker.directive().ranks(), IsEmpty());
  ASSERT_TRUE(worker.Obey().ok());
  ASSERT_EQ(worker.directive().ranks_size(), 1);
  EXPECT_EQ(worker.directive().ranks(0).key().attempt(), 2);
}

TEST_F(WorkerSessionTest, AWorkerThatComesBackWithinItsLeaseGoesOn) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  worker.Disconnect();
  Pass(absl::Seconds(14));
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_EQ(worker.directive().ranks_size(), 1);
  worker.Succeed();
  worker.Exit();
  ASSERT_TRUE(worker.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(GetSweep().gangs(0).attempt(), 1);
}

TEST_F(WorkerSessionTest, ADisconnectedWorkerGetsNothing) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  worker.Disconnect();
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  EXPECT_EQ(GetSweep().gangs(0).state(), v1::GANG_STATE_QUEUED);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_EQ(worker.directive().ranks_size(), 1);
}

}  // namespace
}  // namespace seedbed
