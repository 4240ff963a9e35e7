// The real program, killed and told to stop.
#include <signal.h>

#include <map>
#include <string>

#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/trainer/rank_process.h"

namespace seedbed {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

class KilledTrainerTest : public testing::Test {
 protected:
  // So long that a report comes in the middle.
  v1::TrainerSpec Spec() const {
    v1::TrainerSpec spec = fixture_.Spec();
    spec.mutable_gang()->mutable_stream()->set_epochs(800);
    spec.mutable_gang()->mutable_checkpoint()->set_every_tokens(64 * 100);
    AddRun(spec, "run", "layers.1", 3);
    return spec;
  }

  std::string Write(const v1::TrainerSpec& spec, const std::string& name) const {
    WriteSpec(spec, fixture_.Path(name));
    return fixture_.Path(name);
  }

  std::map<std::string, std::string> Undisturbed() const {
    v1::TrainerSpec spec = Spec();
    spec.set_artifact_root(fixture_.Path("undisturbed"));
    EXPECT_TRUE(MakeFolders(spec.artifact_root()).ok());
    spec.mutable_gang()->clear_checkpoint();
    RunGang(fixture_, spec, 1);
    return fixture_.ExportOf(spec, "run");
  }

  // Starts the gang, and ends it with `signal` once it has a checkpoint.
  ExitStatus Interrupt(int signal) const {
    RankProcess rank(Write(Spec(), "first.spec"), fixture_.Path("first.log"));
    const auto saved = [](const v1::RankMessage& message) { return message.progress().checkpoint_step() > 0; };
    EXPECT_TRUE(rank.WaitFor(saved).has_value()) << rank.LogTail();
    rank.Signal(signal);
    const ExitStatus exit = rank.Finish();
    EXPECT_THAT(rank.ended(), IsEmpty()) << "it was over before it was interrupted";
    return exit;
  }

  // The next attempt: the step that it began at.
  int64_t GoOn() const {
    v1::TrainerSpec spec = Spec();
    spec.mutable_gang()->set_attempt(2);
    int64_t resumed = 0;
    for (const RankProcess& rank : RunGang(fixture_, spec, 1)) {
      for (const v1::RankMessage& message : rank.messages()) {
        if (message.has_progress()) resumed = message.progress().resumed_step();
      }
    }
    return resumed;
  }

  TrainerFixture fixture_;
};

TEST_F(KilledTrainerTest, GoesOnFromItsLastCheckpointAfterSigkill) {
  const auto undisturbed = Undisturbed();
  EXPECT_EQ(Interrupt(SIGKILL).signal, SIGKILL);
  const int64_t resumed = GoOn();
  EXPECT_GT(resumed, 0);
  EXPECT_EQ(resumed % 100, 0);
  EXPECT_THAT(undisturbed, Not(IsEmpty()));
  EXPECT_EQ(fixture_.ExportOf(Spec(), "run"), undisturbed);
}

TEST_F(KilledTrainerTest, SavesWhereItIsOnSigterm) {
  const auto undisturbed = Undisturbed();
  EXPECT_EQ(Interrupt(SIGTERM).exit_code, 143);
  EXPECT_GT(GoOn(), 0);
  EXPECT_EQ(fixture_.ExportOf(Spec(), "run"), undisturbed);
  EXPECT_FALSE(PathExists(fixture_.Path("artifacts/sweep/gang")));
}

}  // namespace
}  // namespace seedbed
