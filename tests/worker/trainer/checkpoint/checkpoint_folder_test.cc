#include "worker/trainer/checkpoint/checkpoint_folder.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/checkpoint/state_folder.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CheckpointFolderTest : public testing::Test {
 protected:
  // Of a gang with two runs on one hookpoint and one on another; rank 0 has the first two.
  TrainerPlan Plan(int rank, int attempt = 1) const {
    TrainerPlan plan;
    plan.spec.set_artifact_root(root_.path());
    plan.spec.mutable_gang()->set_sweep_id("sweep");
    plan.spec.mutable_gang()->set_gang_id("gang");
    plan.spec.mutable_gang()->set_attempt(attempt);
    plan.spec.set_rank(rank);
    plan.spec.set_world_size(2);
    plan.hookpoints = {ParseHookpoint("layers.0").value(), ParseHookpoint("layers.1").value()};
    for (int i = 0; i < 3; ++i) {
      PlannedRun run;
      run.run_id = absl::StrCat("run-", i);
      run.rank = i == 2 ? 1 : 0;
      run.input = run.target = i == 1 ? 1 : 0;
      plan.runs.push_back(run);
    }
    return plan;
  }

  static void Write(const std::string& folder, const std::vector<int64_t>& steps) {
    for (const int64_t step : steps) {
      const auto written = WriteState(folder, {step, "x"}, {}, 1, [] { return absl::OkStatus(); });
      ASSERT_TRUE(written.ok()) << written.status();
    }
  }

  std::string GangPath() const { return JoinPath(JoinPath(root_.path(), "sweep"), "gang"); }

  TempFolder root_;
  const TrainerPlan first_ = Plan(0);
  const TrainerPlan second_ = Plan(1);
};

TEST_F(CheckpointFolderTest, EveryHookpointIsWrittenByTheFirstRankThatHostsIt) {
  EXPECT_THAT(CheckpointFolder(&first_).written_hookpoints(), ElementsAre(0, 1));
  EXPECT_THAT(CheckpointFolder(&second_).written_hookpoints(), IsEmpty());
}

TEST_F(CheckpointFolderTest, ANewerAttemptShutsAnOlderOneOut) {
  const TrainerPlan newer = Plan(0, 2);
  const CheckpointFolder old_folder(&first_), new_folder(&newer);
  ASSERT_TRUE(old_folder.Claim().ok());
  EXPECT_TRUE(old_folder.CheckClaim().ok());
  ASSERT_TRUE(new_folder.Claim().ok());
  EXPECT_TRUE(new_folder.CheckClaim().ok());
  for (const absl::Status& status : {old_folder.CheckClaim(), old_folder.Claim(), old_folder.RemoveRun("run-0")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("attempt 2"), HasSubstr("attempt 1")));
  }
  EXPECT_TRUE(PathExists(new_folder.RunFolder("run-0")));
}

TEST_F(CheckpointFolderTest, AClaimRemovesWhatDiedHalfWrittenAndRunsThatHaveEnded) {
  const CheckpointFolder folder(&first_);
  ASSERT_TRUE(MakeFolders(folder.RunFolder("ended")).ok());
  ASSERT_TRUE(MakeFolders(JoinPath(folder.RunFolder("run-1"), "step-000000000003.attempt-1.tmp")).ok());
  ASSERT_TRUE(MakeFolders(JoinPath(folder.StreamFolder(0), "step-000000000003.attempt-1.tmp")).ok());
  Write(folder.RunFolder("run-1"), {2});
  ASSERT_TRUE(folder.Claim().ok());
  EXPECT_FALSE(PathExists(folder.RunFolder("ended")));
  EXPECT_THAT(ListFolder(folder.RunFolder("run-1")).value(), ElementsAre("step-000000000002"));
  EXPECT_THAT(ListFolder(folder.StreamFolder(0)).value(), IsEmpty());
}

TEST_F(CheckpointFolderTest, AnAttemptFileThatIsNoneIsNamed) {
  const CheckpointFolder folder(&first_);
  ASSERT_TRUE(folder.Claim().ok());
  ASSERT_TRUE(WriteFileDurably(JoinPath(JoinPath(GangPath(), "checkpoints"), "attempt"), "one").ok());
  EXPECT_THAT(folder.CheckClaim().message(), HasSubstr("checkpoints/attempt"));
}

TEST_F(CheckpointFolderTest, KeepsTheLastTwoStatesOfARun) {
  const CheckpointFolder folder(&first_);
  ASSERT_TRUE(folder.Claim().ok());
  Write(folder.RunFolder("run-0"), {10, 20, 30});
  Write(folder.RunFolder("run-1"), {10});
  ASSERT_TRUE(folder.RemoveOldStates().ok());
  EXPECT_THAT(SavedSteps(folder.RunFolder("run-0")), ElementsAre(20, 30));
  EXPECT_THAT(SavedSteps(folder.RunFolder("run-1")), ElementsAre(10));
}

TEST_F(CheckpointFolderTest, KeepsTheStreamWhereTheRunThatIsFurthestBehindMayNeedIt) {
  const CheckpointFolder folder(&first_), other(&second_);
  ASSERT_TRUE(folder.Claim().ok());
  ASSERT_TRUE(other.Claim().ok());
  Write(folder.RunFolder("run-0"), {30, 40});
  Write(folder.RunFolder("run-1"), {30, 40});
  Write(folder.StreamFolder(0), {10, 20, 30, 40});
  Write(folder.StreamFolder(1), {10, 20, 40});
  ASSERT_TRUE(folder.RemoveOldStates().ok());
  EXPECT_THAT(SavedSteps(folder.StreamFolder(0)), ElementsAre(10, 20, 30, 40)) << "run-2 has nothing yet";
  Write(other.RunFolder("run-2"), {25, 35});
  ASSERT_TRUE(other.RemoveOldStates().ok());
  EXPECT_THAT(SavedSteps(folder.StreamFolder(0)), ElementsAre(10, 20, 30, 40)) << "another rank's";
  ASSERT_TRUE(folder.RemoveOldStates().ok());
  EXPECT_THAT(SavedSteps(folder.StreamFolder(0)), ElementsAre(20, 30, 40));
  EXPECT_THAT(SavedSteps(folder.StreamFolder(1)), ElementsAre(20, 40));
}

TEST_F(CheckpointFolderTest, TheLastRunsEndRemovesEverything) {
  const CheckpointFolder folder(&first_), other(&second_);
  ASSERT_TRUE(folder.Claim().ok());
  ASSERT_TRUE(other.Claim().ok());
  Write(folder.RunFolder("run-0"), {10});
  Write(folder.StreamFolder(0), {10});
  ASSERT_TRUE(folder.RemoveRun("run-0").ok());
  ASSERT_TRUE(other.RemoveRun("run-2").ok());
  EXPECT_TRUE(PathExists(folder.StreamFolder(0)));
  ASSERT_TRUE(folder.RemoveRun("run-1").ok());
  EXPECT_FALSE(PathExists(GangPath()));
  EXPECT_TRUE(folder.RemoveRun("run-1").ok());
}

}  // namespace
}  // namespace seedbed
