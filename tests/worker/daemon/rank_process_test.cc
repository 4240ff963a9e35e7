#include "worker/daemon/rank_process.h"

#include <signal.h>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/daemon/rank_testing.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RankProcessTest : public testing::Test {
 protected:
  std::unique_ptr<RankProcess> Start(const std::string& gang_id) { return Start(DesiredOn("cpu:0", gang_id)); }
  std::unique_ptr<RankProcess> Start(const v1::DesiredRank& desired) {
    return RankProcess::Start(folders_.Options(), desired, &slot_);
  }
  bool AdvanceUntil(RankProcess& rank, const std::function<bool()>& condition, absl::Duration now = {}) {
    return WaitFor([&] {
      rank.Advance(now);
      return condition();
    });
  }
  bool AdvanceToEnd(RankProcess& rank, absl::Duration now = {}) {
    return AdvanceUntil(
        rank, [&] { return rank.exited(); }, now);
  }
  bool AdvanceToRunning(RankProcess& rank) {
    return AdvanceUntil(rank, [&] { return rank.status().state() == v1::RANK_STATE_RUNNING; });
  }
  // Starts the rank, lets it end, and gives how it failed.
  v1::Failure FailureOf(const std::string& gang_id) {
    const auto rank = Start(gang_id);
    EXPECT_TRUE(AdvanceToEnd(*rank));
    EXPECT_TRUE(rank->status().has_failure());
    return rank->status().failure();
  }

  RankFolders folders_;
  const v1::Slot slot_ = CpuSlot(0);
};

TEST_F(RankProcessTest, ASlotThatTheWorkerDoesNotHave) {
  const auto rank = RankProcess::Start(folders_.Options(), DesiredOn("cpu:7", "succeed"), nullptr);
  EXPECT_TRUE(rank->exited());
  EXPECT_EQ(rank->status().failure().kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_THAT(rank->status().failure().message(), HasSubstr("cpu:7"));
  EXPECT_EQ(rank->message_fd(), -1);
  EXPECT_FALSE(rank->Advance(absl::ZeroDuration()));
}

TEST_F(RankProcessTest, AnIdThatLeavesTheScratchFolder) {
  for (const char* gang_id : {"../../escape", "", ".", "a/b", "a b", "nul\n"}) {
    const auto rank = Start(gang_id);
    EXPECT_TRUE(rank->exited());
    EXPECT_THAT(rank->status().failure().message(), HasSubstr("gang_id")) << gang_id;
  }
  EXPECT_THAT(ListFolder(folders_.scratch()).value(), IsEmpty());
}

TEST_F(RankProcessTest, ARankThatItsGangDoesNotHave) {
  EXPECT_THAT(Start(DesiredOn("cpu:0", "succeed", 2, 2))->status().failure().message(), HasSubstr("world_size"));
  v1::DesiredRank other_attempt = DesiredOn("cpu:0", "succeed");
  other_attempt.mutable_gang()->set_attempt(2);
  EXPECT_THAT(Start(other_attempt)->status().failure().message(), HasSubstr("gang: is attempt 2"));
}

TEST_F(RankProcessTest, ATrainerThatIsNotThere) {
  RankOptions options = folders_.Options();
  options.trainer_path = "/no/such/trainer";
  const auto rank = RankProcess::Start(options, DesiredOn("cpu:0", "succeed"), &slot_);
  EXPECT_TRUE(rank->exited());
  EXPECT_EQ(rank->status().failure().kind(), v1::FAILURE_KIND_IO);
  EXPECT_THAT(rank->status().failure().message(), HasSubstr("/no/such/trainer"));
  EXPECT_THAT(ListFolder(RanksFolder(folders_.scratch())).value(), IsEmpty());
}

TEST_F(RankProcessTest, AScratchFolderThatCantBeMade) {
  RankOptions options = folders_.Options();
  options.scratch_root = "/proc/no";
  const auto rank = RankProcess::Start(options, DesiredOn("cpu:0", "succeed"), &slot_);
  EXPECT_TRUE(rank->exited());
  EXPECT_THAT(rank->status().failure().message(), HasSubstr("/proc/no"));
}

TEST_F(RankProcessTest, AnExitCodeIsReportedWithTheEndOfTheLog) {
  const v1::Failure failure = FailureOf("exit3");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_RANK_DIED);
  EXPECT_EQ(failure.message(), "rank 0 of gang exit3 exited with code 3");
  EXPECT_EQ(failure.exit_code(), 3);
  EXPECT_EQ(failure.signal(), 0);
  EXPECT_THAT(failure.log_tail(), ElementsAre("first line", "last line, not UTF-8: \xEF\xBF\xBD"));
  v1::Failure parsed;  // What can't be parsed again would end the session.
  EXPECT_TRUE(parsed.ParseFromString(failure.SerializeAsString()));
}

TEST_F(RankProcessTest, ASignalIsReportedByNumberAndName) {
  const v1::Failure failure = FailureOf("segv");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_RANK_DIED);
  EXPECT_EQ(failure.message(), "rank 0 of gang segv killed by signal 11 (Segmentation fault)");
  EXPECT_EQ(failure.signal(), SIGSEGV);
}

TEST_F(RankProcessTest, AKilledRankKeepsTheOutcomesItHad) {
  const auto rank = Start("hang");
  ASSERT_TRUE(AdvanceToRunning(*rank));
  ASSERT_EQ(kill(folders_.Starts("hang").at(0), SIGKILL), 0);
  ASSERT_TRUE(AdvanceToEnd(*rank));
  EXPECT_EQ(rank->status().failure().message(), "rank 0 of gang hang killed by signal 9 (Killed)");
  EXPECT_TRUE(rank->status().progress().empty());
}

TEST_F(RankProcessTest, GarbageOnThePipeKillsTheRank) {
  const v1::Failure failure = FailureOf("garbage");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_THAT(failure.message(), HasSubstr("rank 0 of gang garbage was killed, because it sent what can't be read"));
  EXPECT_EQ(failure.signal(), SIGKILL);
}

TEST_F(RankProcessTest, AMessageThatMakesNoSenseKillsTheRank) {
  const v1::Failure failure = FailureOf("unknownrun");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_THAT(failure.message(), HasSubstr("of-another-gang"));
}

TEST_F(RankProcessTest, AnEndInTheMiddleOfAMessage) {
  const v1::Failure failure = FailureOf("half");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_EQ(failure.message(), "rank 0 of gang half exited with code 0 in the middle of a message");
}

TEST_F(RankProcessTest, AFloodOfLogLinesGivesTheLastFifty) {
  const v1::Failure failure = FailureOf("flood");
  ASSERT_EQ(failure.log_tail_size(), 50);
  EXPECT_EQ(failure.log_tail(0), "line 99950");
  EXPECT_EQ(failure.log_tail(49), "line 99999");
}

TEST_F(RankProcessTest, TheRanksOwnReasonIsKeptWithItsEnd) {
  const v1::Failure failure = FailureOf("giveup");
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(failure.message(), "model.safetensors: is cut");
  EXPECT_EQ(failure.exit_code(), 2);
  EXPECT_THAT(failure.log_tail(), ElementsAre("reading the model"));
}

TEST_F(RankProcessTest, ARankThatGivesUpAndHangsIsKilledAfterTheGrace) {
  const auto rank = Start("giveuphang");
  ASSERT_TRUE(WaitFor([&] { return rank->Advance(absl::ZeroDuration()); }));
  rank->Advance(absl::ZeroDuration());
  rank->Advance(absl::Milliseconds(4'999));
  EXPECT_TRUE(IsAlive(folders_.Starts("giveuphang").at(0)));
  ASSERT_TRUE(AdvanceToEnd(*rank, absl::Milliseconds(5'001)));
  EXPECT_EQ(rank->status().failure().kind(), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(rank->status().failure().signal(), SIGKILL);
}

TEST_F(RankProcessTest, TerminatingIsReportedAsTheWorkersDoing) {
  const auto rank = Start("hang");
  ASSERT_TRUE(AdvanceToRunning(*rank));
  rank->Terminate(StopReason::kLeaseEnding, absl::ZeroDuration());
  EXPECT_EQ(rank->status().state(), v1::RANK_STATE_STOPPING);
  ASSERT_TRUE(AdvanceToEnd(*rank));
  EXPECT_EQ(rank->status().failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  EXPECT_EQ(rank->status().failure().signal(), SIGTERM);
  EXPECT_THAT(rank->status().failure().message(), HasSubstr("lease"));
  EXPECT_FALSE(folders_.SawEndOfInput("hang"));
}

TEST_F(RankProcessTest, ARankThatEndedWithItsLeaseIsNoFaultOfTheGang) {
  const auto rank = Start("lease");
  rank->RunUntil(absl::Milliseconds(123'456));
  rank->RunUntil(absl::Milliseconds(123'456));
  ASSERT_TRUE(AdvanceToEnd(*rank));
  EXPECT_EQ(folders_.Lease("lease"), absl::Milliseconds(123'456));
  EXPECT_EQ(rank->status().failure().kind(), v1::FAILURE_KIND_WORKER_LOST);
  EXPECT_THAT(rank->status().failure().message(), HasSubstr("lease"));
  rank->RunUntil(absl::Milliseconds(200'000));  // Nobody is there to be told.
}

TEST_F(RankProcessTest, SigtermIgnoredIsSigkillAfterTheGrace) {
  const auto rank = Start("stubborn");
  ASSERT_TRUE(AdvanceToRunning(*rank));
  rank->Terminate(StopReason::kNotDesired, absl::Seconds(100));
  rank->Terminate(StopReason::kNotDesired, absl::Seconds(104));  // Does not begin the grace anew.
  rank->Advance(absl::Seconds(100) + absl::Milliseconds(4'999));
  EXPECT_EQ(rank->status().state(), v1::RANK_STATE_STOPPING);
  EXPECT_TRUE(IsAlive(folders_.Starts("stubborn").at(0)));
  ASSERT_TRUE(AdvanceToEnd(*rank, absl::Milliseconds(105'001)));
  EXPECT_EQ(rank->status().failure().signal(), SIGKILL);
}

TEST_F(RankProcessTest, DestroyingKillsAndCleansUp) {
  auto rank = Start("stubborn");
  ASSERT_TRUE(AdvanceToRunning(*rank));
  const int pid = folders_.Starts("stubborn").at(0);
  rank.reset();
  EXPECT_FALSE(IsAlive(pid));
  EXPECT_THAT(ListFolder(RanksFolder(folders_.scratch())).value(), IsEmpty());
}

TEST_F(RankProcessTest, ARankThatSucceeds) {
  const auto rank = Start("succeed");
  ASSERT_TRUE(AdvanceToEnd(*rank));
  EXPECT_FALSE(rank->status().has_failure()) << rank->status().DebugString();
  ASSERT_EQ(rank->status().outcomes_size(), 2);
  EXPECT_EQ(rank->status().outcomes(0).run_id(), "succeed-run0");
  EXPECT_EQ(rank->status().outcomes(1).result().steps(), 10);
  EXPECT_TRUE(rank->status().progress().empty());
  EXPECT_TRUE(rank->status().exporting_run_ids().empty());
  EXPECT_EQ(rank->stream_progress().tokens_harvested(), 1000);
}

TEST_F(RankProcessTest, TheSpecTellsTheRankWhatItNeeds) {
  RankOptions options = folders_.Options();
  options.host = "10.1.2.3";
  options.collective_timeout_ms = 77;
  v1::Slot slot = CpuSlot(3);
  slot.set_device(v1::DEVICE_KIND_CUDA);
  slot.set_device_index(3);
  slot.set_threads(4);
  v1::DesiredRank desired = DesiredOn("cuda:3", "succeed", 1, 2);
  desired.set_rendezvous_address("10.1.2.4:5");
  const auto rank = RankProcess::Start(options, desired, &slot);
  ASSERT_TRUE(AdvanceToEnd(*rank));
  const v1::TrainerSpec spec = folders_.Spec("succeed", 1);
  EXPECT_EQ(spec.gang().SerializeAsString(), desired.gang().SerializeAsString());
  EXPECT_EQ(spec.rank(), 1);
  EXPECT_EQ(spec.world_size(), 2);
  EXPECT_EQ(spec.rendezvous_address(), "10.1.2.4:5");
  EXPECT_EQ(spec.rendezvous_host(), "10.1.2.3");
  EXPECT_EQ(spec.device(), "cuda:3");
  EXPECT_EQ(spec.threads(), 4);
  EXPECT_EQ(spec.artifact_root(), folders_.artifacts());
  EXPECT_EQ(spec.scratch_dir(), JoinPath(RanksFolder(folders_.scratch()), "succeed-a1-r1"));
  EXPECT_EQ(spec.collective_timeout_ms(), 77);
}

TEST_F(RankProcessTest, ScratchIsEmptyAtFirstAndGoneAfterwardsAndTheLogStays) {
  const std::string leftover = JoinPath(RanksFolder(folders_.scratch()), "check-a1-r0");
  ASSERT_TRUE(MakeFolders(leftover).ok());
  ASSERT_TRUE(WriteFileDurably(JoinPath(leftover, "old"), "rows").ok());
  const auto rank = Start("check");
  ASSERT_TRUE(AdvanceToEnd(*rank));
  EXPECT_FALSE(rank->status().has_failure()) << rank->status().failure().DebugString();
  EXPECT_THAT(ListFolder(RanksFolder(folders_.scratch())).value(), IsEmpty());
  EXPECT_THAT(ListFolder(LogsFolder(folders_.scratch())).value(), ElementsAre("check-a1-r0.log"));
}

TEST_F(RankProcessTest, RankZeroOfSeveralReportsItsRendezvous) {
  const auto rank = Start(DesiredOn("cpu:0", "hang", 0, 2));
  ASSERT_TRUE(AdvanceUntil(*rank, [&] { return !rank->status().rendezvous_address().empty(); }));
  EXPECT_EQ(rank->status().rendezvous_address(), "127.0.0.1:4321");
}

TEST_F(RankProcessTest, ARankThatNeverStopsTalkingDoesNotHoldTheDaemon) {
  const auto rank = Start("chatter");
  ASSERT_TRUE(AdvanceToRunning(*rank));
  for (int i = 0; i < 20; ++i) rank->Advance(absl::ZeroDuration());  // Each returns.
  rank->Terminate(StopReason::kShutdown, absl::ZeroDuration());
  EXPECT_TRUE(AdvanceToEnd(*rank));
}

}  // namespace
}  // namespace seedbed
