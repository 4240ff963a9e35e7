#include "worker/daemon/worker.h"

#include <signal.h>

#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "tests/worker/daemon/fake_coordinator.h"
#include "tests/worker/daemon/rank_testing.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

// A worker against a coordinator, both in this process; ranks are processes.
class WorkerTest : public testing::Test {
 protected:
  Worker::Options Options() {
    Worker::Options options;
    options.name = "worker-1";
    options.slots = {CpuSlot(0), CpuSlot(1)};
    options.ranks = folders_.Options();
    options.session.coordinator = coordinator_.address();
    options.session.heartbeat = absl::Milliseconds(100);
    options.on_refused = [this](const absl::Status& status) {
      absl::MutexLock lock(&mutex_);
      refusal_ = status;
    };
    return options;
  }
  void StartWorker() { StartWorker(Options()); }
  void StartWorker(Worker::Options options) {
    auto worker = Worker::Start(std::move(options), registry_, clock_);
    ASSERT_TRUE(worker.ok()) << worker.status();
    worker_ = *std::move(worker);
  }
  bool WaitForState(const std::string& gang_id, v1::RankState state, int rank = 0) {
    return WaitFor([&] { return coordinator_.Rank(gang_id, rank).state() == state; });
  }
  bool WaitForReports(int count) {
    const int64_t before = coordinator_.reports();
    return WaitFor([&] { return coordinator_.reports() >= before + count; });
  }
  std::string Metrics() { return prometheus::TextSerializer().Serialize(registry_.Collect()); }
  absl::Status refusal() {
    absl::MutexLock lock(&mutex_);
    return refusal_;
  }

  RankFolders folders_;
  FakeCoordinator coordinator_;
  prometheus::Registry registry_;
  Clock* clock_ = Clock::Real();
  absl::Mutex mutex_;
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, ASecondWorkerOnTheScratchFolderIsRefused) {
  StartWorker();
  prometheus::Registry registry;
  const auto second = Worker::Start(Options(), registry, clock_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(folders_.scratch()));
}

TEST_F(WorkerTest, LeftoversOfAnEarlierLifeAreRemoved) {
  const std::string old = JoinPath(RanksFolder(folders_.scratch()), "old-a1-r0");
  ASSERT_TRUE(MakeFolders(old).ok());
  ASSERT_TRUE(WriteFileDurably(JoinPath(old, "rows"), "rows").ok());
  StartWorker();
  EXPECT_FALSE(PathExists(RanksFolder(folders_.scratch())));
  EXPECT_FALSE(PathExists(JoinPath(folders_.scratch(), "leftovers")));
}

TEST_F(WorkerTest, TheReportTellsWhoItIs) {
  StartWorker();
  ASSERT_TRUE(WaitForReports(3));
  const v1::WorkerReport report = coordinator_.last();
  EXPECT_EQ(report.worker_name(), "worker-1");
  EXPECT_EQ(report.instance_id().size(), 32u);
  EXPECT_EQ(report.slots_size(), 2);
  EXPECT_EQ(report.host(), "127.0.0.1");
  EXPECT_FALSE(report.version().empty());
  EXPECT_FALSE(coordinator_.saw_a_gap());
  EXPECT_THAT(Metrics(), HasSubstr("seedbed_worker_session_connected 1"));
}

TEST_F(WorkerTest, ARankIsStartedReportedAndForgotten) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "succeed")});
  ASSERT_TRUE(WaitForState("succeed", v1::RANK_STATE_EXITED));
  EXPECT_EQ(coordinator_.Rank("succeed").outcomes_size(), 2);
  EXPECT_FALSE(coordinator_.Rank("succeed").has_failure());
  ASSERT_TRUE(WaitForReports(5));  // It is desired still: it stays, and is not started again.
  EXPECT_EQ(coordinator_.Rank("succeed").state(), v1::RANK_STATE_EXITED);
  EXPECT_EQ(folders_.Starts("succeed").size(), 1u);
  coordinator_.Want({});
  EXPECT_TRUE(WaitFor([&] { return coordinator_.last().ranks().empty(); }));
}

TEST_F(WorkerTest, AnInspectionIsReportedAndForgottenAndTakesNoSlot) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "hang-a"), DesiredOn("cpu:1", "hang-b")});
  ASSERT_TRUE(WaitForState("hang-a", v1::RANK_STATE_RUNNING) && WaitForState("hang-b", v1::RANK_STATE_RUNNING));
  const std::string starts = folders_.Path("inspection.starts");
  coordinator_.WantInspections({InspectionOf("i1", "good", starts)});
  ASSERT_TRUE(WaitFor([&] { return coordinator_.last().inspection_results_size() == 1; }));
  EXPECT_EQ(coordinator_.last().inspection_results(0).inspection_id(), "i1");
  ASSERT_TRUE(WaitForReports(3));  // It is wanted still: it stays.
  EXPECT_EQ(coordinator_.last().inspection_results_size(), 1);
  EXPECT_EQ(ReadPids(starts).size(), 1);
  coordinator_.WantInspections({});
  EXPECT_TRUE(WaitFor([&] { return coordinator_.last().inspection_results().empty(); }));
  EXPECT_EQ(coordinator_.Rank("hang-a").state(), v1::RANK_STATE_RUNNING);
}

TEST_F(WorkerTest, AnInspectionSurvivesTheCoordinator) {
  StartWorker();
  const std::string starts = folders_.Path("inspection.starts");
  coordinator_.WantInspections({InspectionOf("i1", "good", starts)});
  ASSERT_TRUE(WaitFor([&] { return coordinator_.last().inspection_results_size() == 1; }));
  coordinator_.Crash();
  coordinator_.StartAgain();
  ASSERT_TRUE(WaitFor([&] { return coordinator_.sessions() >= 2; }) && WaitForReports(2));
  EXPECT_EQ(coordinator_.last().inspection_results_size(), 1);
  EXPECT_EQ(ReadPids(starts).size(), 1) << "not done again";
}

TEST_F(WorkerTest, AStopEndsAnInspection) {
  StartWorker();
  const std::string starts = folders_.Path("inspection.starts");
  coordinator_.WantInspections({InspectionOf("i1", "hang", starts)});
  ASSERT_TRUE(WaitFor([&] { return ReadPids(starts).size() == 1; }));
  worker_->Stop();
  EXPECT_FALSE(IsAlive(ReadPids(starts).at(0)));
}

TEST_F(WorkerTest, AFailureIsReportedWithItsLog) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "exit3")});
  ASSERT_TRUE(WaitForState("exit3", v1::RANK_STATE_EXITED));
  EXPECT_EQ(coordinator_.Rank("exit3").failure().exit_code(), 3);
  EXPECT_EQ(coordinator_.Rank("exit3").failure().log_tail_size(), 2);
}

TEST_F(WorkerTest, TheRendezvousOfRankZeroIsHandedToRankOne) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:1", "hang", 1, 2), DesiredOn("cpu:0", "hang", 0, 2)});
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING, 1));
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING, 0));
  EXPECT_EQ(coordinator_.Rank("hang", 0).rendezvous_address(), "127.0.0.1:4321");
  EXPECT_EQ(folders_.Spec("hang", 1).rendezvous_address(), "127.0.0.1:4321");
  EXPECT_EQ(folders_.Spec("hang", 0).rendezvous_address(), "");
}

TEST_F(WorkerTest, ARankThatIsDroppedIsStoppedAndForgotten) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "hang"), DesiredOn("cpu:1", "hang-kept")});
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  ASSERT_TRUE(WaitForState("hang-kept", v1::RANK_STATE_RUNNING));
  coordinator_.Want({DesiredOn("cpu:1", "hang-kept")});
  EXPECT_TRUE(WaitFor([&] { return coordinator_.last().ranks_size() == 1; }));
  EXPECT_FALSE(IsAlive(folders_.Starts("hang").at(0)));
  EXPECT_TRUE(IsAlive(folders_.Starts("hang-kept").at(0)));
}

TEST_F(WorkerTest, RanksOutliveTheCoordinatorsDeath) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "hang")});
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  const std::string instance = coordinator_.last().instance_id();
  for (int life = 2; life <= 4; ++life) {
    coordinator_.Crash();
    ASSERT_TRUE(WaitFor([&] { return Metrics().find("seedbed_worker_session_connected 0") != std::string::npos; }));
    coordinator_.StartAgain();
    ASSERT_TRUE(WaitForReports(2));
  }
  EXPECT_EQ(coordinator_.last().instance_id(), instance);
  EXPECT_EQ(coordinator_.Rank("hang").state(), v1::RANK_STATE_RUNNING);
  EXPECT_EQ(folders_.Starts("hang").size(), 1u);
  EXPECT_FALSE(coordinator_.saw_a_gap());
}

TEST_F(WorkerTest, ACoordinatorThatComesLaterIsFound) {
  coordinator_.Crash();
  StartWorker();
  ASSERT_TRUE(worker_->Health().ok());
  coordinator_.StartAgain();
  EXPECT_TRUE(WaitForReports(1));
}

TEST_F(WorkerTest, ALeaseThatIsNotRenewedEndsTheRanks) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "stubborn"), DesiredOn("cpu:1", "hang")});
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_RUNNING));
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  coordinator_.SetLease(absl::Seconds(3));
  ASSERT_TRUE(WaitForReports(2));
  coordinator_.SetSilent(true);
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_EXITED));
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_EXITED));
  EXPECT_EQ(coordinator_.Rank("hang").failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  EXPECT_EQ(coordinator_.Rank("stubborn").failure().signal(), SIGKILL);
}

TEST_F(WorkerTest, ManyChangesAreCoalesced) {
  const absl::Time start = absl::Now();
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "chatter")});
  ASSERT_TRUE(WaitForState("chatter", v1::RANK_STATE_RUNNING));
  ASSERT_TRUE(WaitForReports(10));
  const int64_t reports = coordinator_.reports();
  EXPECT_LE(reports, (absl::Now() - start) / absl::Milliseconds(50) + 1);
}

TEST_F(WorkerTest, AHangingSessionOfThisNameIsWaitedFor) {
  coordinator_.RefuseWith(absl::AlreadyExistsError("worker-1 is connected"));
  StartWorker();
  ASSERT_TRUE(WaitFor([&] { return coordinator_.sessions() >= 3; }));
  EXPECT_TRUE(refusal().ok());
  coordinator_.RefuseWith(absl::OkStatus());
  EXPECT_TRUE(WaitForReports(2));
}

TEST_F(WorkerTest, AnotherWorkerOfThisNameIsGivenWayTo) {
  coordinator_.RefuseWith(absl::AlreadyExistsError("worker-1 is connected"));
  Worker::Options options = Options();
  options.session.name_patience = absl::Milliseconds(300);
  StartWorker(std::move(options));
  ASSERT_TRUE(WaitFor([&] { return !refusal().ok(); }));
  EXPECT_EQ(refusal().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refusal().message()), HasSubstr("worker-1 is connected"));
  EXPECT_THAT(std::string(refusal().message()), HasSubstr(coordinator_.address()));
  const int sessions = coordinator_.sessions();
  worker_->Stop();
  EXPECT_EQ(coordinator_.sessions(), sessions);
}

TEST_F(WorkerTest, StoppingEndsTheRanksAndSaysSo) {
  StartWorker();
  coordinator_.Want({DesiredOn("cpu:0", "hang")});
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  worker_->Stop();
  EXPECT_FALSE(IsAlive(folders_.Starts("hang").at(0)));
  EXPECT_TRUE(WaitForState("hang", v1::RANK_STATE_EXITED));
  EXPECT_EQ(coordinator_.Rank("hang").failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  worker_->Stop();
}

TEST_F(WorkerTest, StoppingDoesNotWaitForACoordinatorThatIsGone) {
  StartWorker();
  ASSERT_TRUE(WaitForReports(1));
  coordinator_.Crash();
  worker_->Stop();
}

TEST_F(WorkerTest, HealthFailsAfterHalfAMinuteWithoutASession) {
  FakeClock clock;
  clock_ = &clock;
  coordinator_.Crash();
  StartWorker();
  EXPECT_TRUE(worker_->Health().ok());
  clock.Advance(absl::Seconds(30));
  EXPECT_TRUE(worker_->Health().ok());
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(worker_->Health().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(worker_->Health().message()), HasSubstr(coordinator_.address()));
  coordinator_.StartAgain();
  EXPECT_TRUE(WaitFor([&] { return worker_->Health().ok(); }));
  worker_.reset();
}

}  // namespace
}  // namespace seedbed
