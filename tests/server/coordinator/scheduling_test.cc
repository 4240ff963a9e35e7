// What users ask of the scheduler: priorities, pauses, retries, drains, quotas, labels, and why a run waits.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SchedulingTest : public CoordinatorFixture {
 protected:
  void SetUp() override { ASSERT_TRUE(worker_.Connect(*coordinator_).ok()); }

  // On one slot, unless told otherwise.
  static v1::SweepSpec Sweep(int priority = 0, const std::string& user = "", int ranks = 1) {
    v1::SweepSpec spec = DemoSweep();
    spec.mutable_resources()->set_ranks(ranks);
    spec.mutable_scheduling()->set_priority(priority);
    spec.mutable_scheduling()->set_user(user);
    return spec;
  }

  void MustSubmit(const v1::SweepSpec& spec) {
    const Answer answer = Submit(spec, worker_);
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_TRUE(worker_.Obey().ok());
  }

  absl::Status Pause(const std::string& sweep_id, const std::vector<std::string>& runs = {}) {
    return Change<v1::PauseSweepRequest>(sweep_id, runs, &Coordinator::PauseSweep);
  }
  absl::Status Resume(const std::string& sweep_id, const std::vector<std::string>& runs = {}) {
    return Change<v1::ResumeSweepRequest>(sweep_id, runs, &Coordinator::ResumeSweep);
  }
  absl::Status Cancel(const std::string& sweep_id, const std::vector<std::string>& runs = {}) {
    return Change<v1::CancelSweepRequest>(sweep_id, runs, &Coordinator::CancelSweep);
  }
  absl::Status Retry(const std::string& sweep_id, const std::vector<std::string>& runs = {}) {
    return Change<v1::RetrySweepRequest>(sweep_id, runs, &Coordinator::RetrySweep);
  }

  absl::Status Drain(const std::string& worker, bool undo = false) {
    v1::DrainWorkerRequest request;
    request.set_worker(worker);
    request.set_undo(undo);
    return coordinator_->DrainWorker(request).status();
  }

  absl::Status SetQuota(const std::string& user, int most_slots, double share = 1) {
    v1::SetQuotaRequest request;
    request.set_user(user);
    request.set_most_slots(most_slots);
    request.set_share(share);
    return coordinator_->SetQuota(request).status();
  }

  v1::ExplainRunResponse Explain(const std::string& run_id) {
    v1::ExplainRunRequest request;
    request.set_run_id(run_id);
    const auto response = coordinator_->ExplainRun(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::ExplainRunResponse();
  }

  // "s1-g0" for each rank that the worker is to run.
  std::vector<std::string> Desired() {
    std::vector<std::string> gangs;
    for (const v1::DesiredRank& rank : worker_.directive().ranks()) gangs.push_back(rank.key().gang_id());
    return gangs;
  }

  FakeWorker worker_{"a", "1", 1};

 private:
  template <typename Request, typename Response>
  absl::Status Change(const std::string& sweep_id, const std::vector<std::string>& runs,
                      absl::StatusOr<Response> (Coordinator::*method)(const Request&)) {
    Request request;
    request.set_sweep_id(sweep_id);
    request.mutable_run_ids()->Assign(runs.begin(), runs.end());
    return (coordinator_.get()->*method)(request).status();
  }
};

TEST_F(SchedulingTest, AHigherPriorityTakesTheSlotOnceItsRanksAreGone) {
  MustSubmit(Sweep());
  worker_.Step(7);
  ASSERT_TRUE(worker_.Report().ok());
  const auto answer = BeginSubmit(RequestOf(Sweep(/*priority=*/5)));
  ASSERT_TRUE(worker_.Inspect().ok());
  ASSERT_TRUE(answer->ok());
  EXPECT_THAT(Desired(), IsEmpty()) << "the rank is still there";
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_QUEUED);
  EXPECT_EQ(Explain("s2-r0").wait().reason(), v1::WAIT_REASON_PREEMPTING);
  EXPECT_EQ(Explain("s1-r0").wait().reason(), v1::WAIT_REASON_RANKS_STOPPING);
  ASSERT_TRUE(worker_.Obey().ok());
  EXPECT_THAT(Desired(), ElementsAre("s2-g0"));
  const v1::Gang victim = Explain("s1-r0").gang();
  EXPECT_EQ(victim.failed_attempts(), 0);
  EXPECT_EQ(victim.not_before_unix_ms(), 0);
  ASSERT_TRUE(worker_.Obey().ok());
  worker_.Succeed();
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_THAT(Desired(), ElementsAre("s1-g0"));
  EXPECT_EQ(worker_.directive().ranks(0).key().attempt(), 2);
}

TEST_F(SchedulingTest, AnEqualPriorityWaits) {
  MustSubmit(Sweep(3));
  MustSubmit(Sweep(3));
  EXPECT_THAT(Desired(), ElementsAre("s1-g0"));
  EXPECT_EQ(CountEvents(v1::Event::kGangAttemptEnded), 0);
  const v1::GangWait wait = Explain("s2-r1").wait();
  EXPECT_EQ(wait.reason(), v1::WAIT_REASON_NEXT);
  EXPECT_EQ(wait.slots_wanted(), 1);
  EXPECT_THAT(wait.explanation(), HasSubstr("comes next: wants 1 slot"));
}

// The worker may still be about to start a rank that it was told to start, though its newest report shows none.
TEST_F(SchedulingTest, NoNextAttemptUntilTheWorkerHasTakenNoteOfTheEndOfTheLast) {
  worker_.report().set_applied_directive(1);
  MustSubmit(Sweep());
  worker_.report().set_applied_directive(worker_.directive().number());
  worker_.report().clear_ranks();
  ASSERT_TRUE(Pause("s1").ok());
  ASSERT_TRUE(Resume("s1").ok());
  ASSERT_TRUE(worker_.Report().ok()) << "sent before it heard of the pause";
  EXPECT_EQ(Explain("s1-r0").wait().reason(), v1::WAIT_REASON_RANKS_STOPPING);
  worker_.report().set_applied_directive(worker_.directive().number());
  ASSERT_TRUE(worker_.Report().ok());
  ASSERT_THAT(Desired(), ElementsAre("s1-g0"));
  EXPECT_EQ(worker_.directive().ranks(0).key().attempt(), 2);
}

TEST_F(SchedulingTest, ADirectiveHasTheSameNumberWhileItAsksForTheSame) {
  MustSubmit(Sweep());
  const uint64_t number = worker_.directive().number();
  EXPECT_GT(number, 0);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(worker_.directive().number(), number);
  ASSERT_TRUE(Pause("s1").ok());
  EXPECT_NE(worker_.directive().number(), number);
}

TEST_F(SchedulingTest, APausedSweepGivesUpItsSlotsAndComesBack) {
  MustSubmit(Sweep());
  ASSERT_TRUE(Pause("s1").ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_HELD);
  EXPECT_THAT(Desired(), IsEmpty());
  EXPECT_EQ(Explain("s1-r0").wait().reason(), v1::WAIT_REASON_HELD);
  EXPECT_EQ(GetSweep().waits(0).reason(), v1::WAIT_REASON_HELD);
  const size_t events = store_.events().size();
  ASSERT_TRUE(Pause("s1").ok()) << "again changes nothing";
  EXPECT_EQ(store_.events().size(), events);
  ASSERT_TRUE(worker_.Obey().ok());
  EXPECT_THAT(Desired(), IsEmpty());
  Restart();
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_HELD);
  ASSERT_TRUE(Resume("s1").ok());
  EXPECT_THAT(Desired(), ElementsAre("s1-g0"));
}

TEST_F(SchedulingTest, TheOthersOfAGangGoOnWithoutARunThatIsPausedOrCancelled) {
  MustSubmit(Sweep());
  ASSERT_TRUE(Pause("s1", {"s1-r1"}).ok());
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  EXPECT_EQ(worker_.directive().ranks(0).gang().runs_size(), 2);
  ASSERT_TRUE(Cancel("s1", {"s1-r0"}).ok());
  EXPECT_EQ(GetRun("s1-r0").state(), v1::RUN_STATE_CANCELLED);
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  ASSERT_EQ(worker_.directive().ranks(0).gang().runs_size(), 1);
  EXPECT_EQ(worker_.directive().ranks(0).gang().runs(0).run_id(), "s1-r2");
  EXPECT_EQ(GetSweep().gangs(0).failed_attempts(), 0);
}

TEST_F(SchedulingTest, CancellingTheLastRunsEndsTheSweepAndAnnouncesItsSet) {
  MustSubmit(Sweep());
  worker_.SucceedOne("s1-r0");
  worker_.SucceedOne("s1-r1");
  ASSERT_TRUE(worker_.Report().ok());
  ASSERT_TRUE(Cancel("s1", {"s1-r2"}).ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(CountEvents(v1::Event::kSiblingSetFinished), 1);
}

TEST_F(SchedulingTest, AHeldSweepStartsWhenItIsResumed) {
  v1::SweepSpec spec = Sweep();
  spec.mutable_scheduling()->set_hold(true);
  MustSubmit(spec);
  EXPECT_THAT(Desired(), IsEmpty());
  EXPECT_EQ(store_.transactions().back(), 2) << "the sweep and that it is held, in one transaction";
  ASSERT_TRUE(Resume("s1").ok());
  EXPECT_THAT(Desired(), ElementsAre("s1-g0"));
}

TEST_F(SchedulingTest, FailedRunsAreTriedAgain) {
  MustSubmit(Sweep());
  worker_.Die(v1::FAILURE_KIND_USER_ERROR, "no such file");
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_FAILED);
  EXPECT_EQ(Retry("s1", {"s1-r9"}).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Retry("s1").ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_RUNNING);
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_THAT(Desired(), ElementsAre("s1-g0"));
  worker_.Succeed();
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetSweep().state(), v1::SWEEP_STATE_SUCCEEDED);
  EXPECT_EQ(Retry("s1", {"s1-r0"}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Retry("s1").ok()) << "there is nothing to retry";
}

TEST_F(SchedulingTest, ARunThatFailedIsRetriedWhileItsGangStillRuns) {
  MustSubmit(Sweep());
  worker_.FailRun("s1-r1", v1::FAILURE_KIND_NOT_FINITE);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(GetRun("s1-r1").state(), v1::RUN_STATE_FAILED);
  ASSERT_TRUE(Retry("s1", {"s1-r1"}).ok());
  ASSERT_TRUE(worker_.Report().ok()) << "with the failure of the attempt that goes on";
  EXPECT_EQ(GetRun("s1-r1").state(), v1::RUN_STATE_QUEUED);
  worker_.SucceedOne("s1-r0");
  worker_.SucceedOne("s1-r2");
  worker_.Exit();
  ASSERT_TRUE(worker_.Report().ok());
  ASSERT_TRUE(worker_.Obey().ok());
  ASSERT_EQ(worker_.directive().ranks_size(), 1);
  EXPECT_EQ(worker_.directive().ranks(0).gang().runs(0).run_id(), "s1-r1");
}

TEST_F(SchedulingTest, RefusesWhatCanNotBeChanged) {
  MustSubmit(Sweep());
  worker_.SucceedOne("s1-r0");
  ASSERT_TRUE(worker_.Report().ok());
  const size_t events = store_.events().size();
  const absl::Status paused = Pause("s1", {"s1-r1", "s1-r0"});
  EXPECT_EQ(paused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(paused.message(), "run s1-r0 has succeeded and can't be paused");
  EXPECT_EQ(Pause("s9").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Resume("s1", {"s1-r0"}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Cancel("s1", {"s2-r0"}).message(), "sweep s1 has no run \"s2-r0\"");
  EXPECT_TRUE(Cancel("s1", {"s1-r0"}).ok()) << "it has ended";
  EXPECT_EQ(Retry("s1", {"s1-r0"}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_.events().size(), events);
  ASSERT_TRUE(Cancel("s1").ok());
  EXPECT_THAT(std::string(Retry("s1").message()), HasSubstr("was cancelled"));
}

TEST_F(SchedulingTest, ARefusingLogChangesNothing) {
  MustSubmit(Sweep());
  store_.FailWith(absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(Pause("s1")));
  EXPECT_TRUE(absl::IsResourceExhausted(Drain("a")));
  EXPECT_TRUE(absl::IsResourceExhausted(SetQuota("anna", 1)));
  EXPECT_THAT(Desired(), ElementsAre("s1-g0"));
  store_.FailWith(absl::OkStatus());
  EXPECT_TRUE(Pause("s1").ok());
}

TEST_F(SchedulingTest, ADrainingWorkerGetsNoMoreRanks) {
  MustSubmit(Sweep());
  EXPECT_EQ(Drain("nobody").code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Drain("a").ok());
  EXPECT_TRUE(coordinator_->ListWorkers().workers(0).draining());
  EXPECT_THAT(Desired(), ElementsAre("s1-g0")) << "what it has goes on";
  TrainToTheEnd(worker_);
  MustSubmit(Sweep());
  EXPECT_THAT(Desired(), IsEmpty());
  EXPECT_THAT(Explain("s2-r0").wait().explanation(), HasSubstr("beside 1 of workers that drain"));
  Restart();
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  EXPECT_THAT(Desired(), IsEmpty()) << "it drains for as long as it is told to";
  ASSERT_TRUE(Drain("a", /*undo=*/true).ok());
  EXPECT_THAT(Desired(), ElementsAre("s2-g0"));
}

TEST_F(SchedulingTest, QuotasBoundAndSharesOrder) {
  *worker_.report().add_slots() = worker_.report().slots(0);
  worker_.report().mutable_slots(1)->set_slot_id("cpu:1");
  ASSERT_TRUE(worker_.Report().ok());
  ASSERT_TRUE(SetQuota("anna", 1).ok());
  MustSubmit(Sweep(0, "anna"));
  MustSubmit(Sweep(0, "anna"));
  EXPECT_THAT(Desired(), ElementsAre("s1-g0"));
  EXPECT_EQ(Explain("s2-r0").wait().reason(), v1::WAIT_REASON_QUOTA_REACHED);
  MustSubmit(Sweep(0, "ben"));
  EXPECT_THAT(Desired(), ElementsAre("s1-g0", "s3-g0"));
  const v1::ListUsersResponse users = coordinator_->ListUsers();
  ASSERT_EQ(users.users_size(), 2);
  EXPECT_EQ(users.users(0).name(), "anna");
  EXPECT_EQ(users.users(0).slots_held(), 1);
  EXPECT_EQ(users.users(0).gangs_waiting(), 1);
  ASSERT_TRUE(SetQuota("anna", 2).ok());
  EXPECT_EQ(Explain("s2-r0").wait().reason(), v1::WAIT_REASON_NEXT);
}

TEST_F(SchedulingTest, RefusesQuotasThatMakeNoSense) {
  const absl::Status status = SetQuota("no name", -1, 1e9);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("user: is \"no name\""), HasSubstr("most_slots: is -1"), HasSubstr("share: is 1e+09")));
  EXPECT_EQ(store_.events().size(), 0);
}

TEST_F(SchedulingTest, LabelsDecideWhereASweepRuns) {
  v1::SweepSpec spec = Sweep();
  (*spec.mutable_resources()->mutable_labels())["gpu"] = "h100";
  MustSubmit(spec);
  EXPECT_THAT(Desired(), IsEmpty());
  const v1::GangWait wait = Explain("s1-r0").wait();
  EXPECT_EQ(wait.reason(), v1::WAIT_REASON_NO_SUCH_SLOTS);
  EXPECT_THAT(wait.explanation(), HasSubstr("labels gpu=h100"));
  (*worker_.report().mutable_labels())["gpu"] = "h100";
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_THAT(Desired(), ElementsAre("s1-g0"));
}

TEST_F(SchedulingTest, RefusesARunThatFitsOnNoSlot) {
  worker_.report().mutable_slots(0)->set_memory_bytes(50'000'000);
  ASSERT_TRUE(worker_.Report().ok());
  const Answer refused = Submit(Sweep(), worker_);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(refused.status().message()),
      AllOf(HasSubstr("spec.sae.latents: needs "), HasSubstr("the slots that it could run on have 50,000,000")));
  EXPECT_EQ(store_.events().size(), 0);
  worker_.report().mutable_slots(0)->set_memory_bytes(1'000'000'000);
  ASSERT_TRUE(worker_.Report().ok());
  EXPECT_TRUE(Submit(Sweep(), worker_).ok());
}

TEST_F(SchedulingTest, PacksAsManyRunsAsFit) {
  v1::SweepSpec spec = Sweep();
  v1::SubmitSweepRequest request = RequestOf(spec);
  request.set_validate_only(true);
  const auto gangs = [&](int64_t memory_bytes) {
    worker_.report().mutable_slots(0)->set_memory_bytes(memory_bytes);
    EXPECT_TRUE(worker_.Report().ok());
    const auto answer = BeginSubmit(request);
    EXPECT_TRUE(worker_.Inspect().ok());
    EXPECT_TRUE(answer->ok()) << answer->status();
    return answer->ok() ? **answer : v1::SubmitSweepResponse();
  };
  const v1::SubmitSweepResponse unlimited = gangs(0);
  ASSERT_EQ(unlimited.forecasts_size(), 1);
  EXPECT_EQ(unlimited.forecasts(0).ranks(), 1);
  EXPECT_LT(unlimited.forecasts(0).seconds(), 0) << "nothing was measured yet";
  const int64_t all = unlimited.forecasts(0).rank_memory_bytes();
  EXPECT_GT(all, 0);
  EXPECT_EQ(gangs(all).forecasts_size(), 1);
  const v1::SubmitSweepResponse split = gangs(all - 1);
  ASSERT_EQ(split.forecasts_size(), 2);
  EXPECT_LE(split.forecasts(0).rank_memory_bytes(), all - 1);
  EXPECT_EQ(split.sweep().gangs(0).run_ids_size(), 2);
}

TEST_F(SchedulingTest, ForecastsFromWhatWasMeasured) {
  MustSubmit(Sweep());
  clock_.Advance(absl::Seconds(10));
  TrainToTheEnd(worker_);
  const Answer second = Submit(Sweep(), worker_);
  ASSERT_TRUE(second.ok());
  EXPECT_NEAR(second->forecasts(0).seconds(), 10, 1e-6);
  Restart();
  ASSERT_TRUE(worker_.Connect(*coordinator_).ok());
  const Answer third = Submit(Sweep(), worker_);
  ASSERT_TRUE(third.ok());
  EXPECT_NEAR(third->forecasts(0).seconds(), 10, 1e-6) << "the log has what was measured";
}

TEST_F(SchedulingTest, ExplainsRunsThatDoNotWait) {
  MustSubmit(Sweep());
  const v1::ExplainRunResponse running = Explain("s1-r0");
  EXPECT_FALSE(running.has_wait());
  EXPECT_EQ(running.gang().placements_size(), 1);
  v1::ExplainRunRequest unknown;
  unknown.set_run_id("s9-r0");
  EXPECT_EQ(coordinator_->ExplainRun(unknown).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SchedulingTest, AReportThatBringsNothingNewCausesNoPass) {
  MustSubmit(Sweep());
  MustSubmit(Sweep());
  const int placed = CountEvents(v1::Event::kGangPlaced);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(worker_.Report().ok());
  EXPECT_EQ(CountEvents(v1::Event::kGangPlaced), placed);
  EXPECT_LE(alarm_.earliest, absl::Seconds(5)) << "estimates that get better are looked at again";
}

TEST_F(SchedulingTest, ABackupNeedsAnAbsolutePath) {
  v1::BackUpRequest request;
  request.set_path("backup.db");
  EXPECT_EQ(coordinator_->BackUp(request).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace seedbed
