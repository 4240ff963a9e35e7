// Gangs that die and go on: what they export is what an undisturbed gang exports, byte for byte.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/checkpoint/state_folder.h"
#include "tests/worker/trainer/checkpoint/gang_threads.h"
#include "tests/worker/trainer/rank_process.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

using Exports = std::map<std::string, std::map<std::string, std::string>>;  // By run, then by file.

// An SAE of another architecture than AddRun's.
void AddRunOf(v1::TrainerSpec& spec, const std::string& architecture, v1::Convention convention, uint64_t seed) {
  AddRun(spec, absl::StrCat(architecture, "-", seed), seed % 2 == 0 ? "layers.1" : "layers.0.mlp", seed);
  v1::SaeSpec& sae = *spec.mutable_gang()->mutable_runs()->rbegin()->mutable_sae();
  sae.set_architecture(architecture);
  sae.set_convention(convention);
  if (architecture == "batchtopk") {
    sae.set_threshold_decay(0.9);
    return;
  }
  sae.clear_k();
  sae.clear_auxiliary_alpha();
  sae.set_target_l0(6);
  sae.set_sparsity_coefficient(0.1);
  sae.set_sparsity_warmup_steps(3);
}

class GangResumeTest : public testing::Test {
 protected:
  // Four runs on two hookpoints, a checkpoint after each step, which the training waits for so that tests know where it
  // is.
  v1::TrainerSpec Spec(int64_t epochs) const {
    v1::TrainerSpec spec = fixture_.Spec();
    spec.mutable_gang()->mutable_stream()->set_epochs(epochs);
    spec.mutable_gang()->mutable_checkpoint()->set_every_tokens(64);
    spec.mutable_gang()->set_low_memory(true);
    AddRun(spec, "topk-0", "layers.1", 0);
    AddRunOf(spec, "batchtopk", v1::CONVENTION_DICTIONARY_LEARNING, 1);
    AddRunOf(spec, "relu", v1::CONVENTION_SAELENS, 2);
    AddRunOf(spec, "gated", v1::CONVENTION_DICTIONARY_LEARNING, 3);
    return spec;
  }

  Exports ExportsOf(const v1::TrainerSpec& spec) const {
    Exports exports;
    for (const v1::RunAssignment& run : spec.gang().runs())
      exports[run.run_id()] = fixture_.ExportOf(spec, run.run_id());
    return exports;
  }

  // What the gang exports where nothing disturbs it.
  Exports Undisturbed(v1::TrainerSpec spec) const {
    spec.set_artifact_root(fixture_.Path("undisturbed"));
    EXPECT_TRUE(MakeFolders(spec.artifact_root()).ok());
    spec.mutable_gang()->clear_checkpoint();
    ExpectSuccess(RunAttempt(fixture_, spec, {}));
    return ExportsOf(spec);
  }

  AttemptEnd Attempt(v1::TrainerSpec& spec, const AttemptOptions& options) const {
    spec.mutable_gang()->set_attempt(++attempts_);
    return RunAttempt(fixture_, spec, options);
  }

  // Lets attempts on one to three ranks die after two or three steps each, until the rest is too short for that.
  void ExpectDeathsAtEveryStage(v1::TrainerSpec& spec, int64_t epochs) const {
    const int64_t steps = epochs * 45 * 15 / 64;
    const std::vector<AttemptOptions> deaths = {
        {2, Death::kKilled, {3, 3}}, {1, Death::kKilled, {2}}, {3, Death::kStopped, {3, 3, 3}}};
    for (int64_t attempt = 0; 3 * (attempt + 1) < steps; ++attempt) {
      const AttemptEnd end = Attempt(spec, deaths[static_cast<size_t>(attempt) % deaths.size()]);
      for (const absl::Status& status : end.statuses) EXPECT_FALSE(status.ok());
      for (const auto& [run_id, step] : end.resumed_steps()) EXPECT_THAT(step, Ge(attempt > 0 ? 1 : 0)) << run_id;
    }
    ExpectSuccess(Attempt(spec, {2, Death::kKilled, {}}));
  }

  static void ExpectSuccess(const AttemptEnd& end) {
    for (const absl::Status& status : end.statuses) EXPECT_TRUE(status.ok()) << status;
  }

  std::string GangFolder() const { return fixture_.Path("artifacts/sweep/gang"); }
  std::string RunFolder(const std::string& run_id) const {
    return JoinPath(GangFolder(), absl::StrCat("checkpoints/runs/", run_id));
  }
  std::string StreamFolder(const std::string& hookpoint) const {
    return JoinPath(GangFolder(), absl::StrCat("checkpoints/stream/", hookpoint));
  }

  static void FlipByte(const std::string& folder, int64_t step) {
    const std::string path = JoinPath(JoinPath(folder, StateFolderName(step)), "state.safetensors");
    std::string bytes = ReadFile(path).value();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    ASSERT_TRUE(WriteFileDurably(path, bytes).ok());
  }

  TrainerFixture fixture_;
  mutable int attempts_ = 0;
};

TEST_F(GangResumeTest, DiesAgainAndAgainOnOtherRanksAndExportsTheSameBytes) {
  for (const int64_t epochs : {1, 2}) {
    v1::TrainerSpec spec = Spec(epochs);
    const Exports undisturbed = Undisturbed(spec);
    ExpectDeathsAtEveryStage(spec, epochs);
    EXPECT_EQ(ExportsOf(spec), undisturbed) << epochs << " epochs";
    ASSERT_TRUE(RemoveAll(fixture_.Path("artifacts/sweep")).ok());
  }
}

TEST_F(GangResumeTest, HarvestsNothingTwiceButTheBlockThatItWasIn) {
  v1::TrainerSpec spec = Spec(1);
  EXPECT_THAT(Attempt(spec, {1, Death::kKilled, {5}}).statuses, Each(absl::UnknownError("died")));
  const AttemptEnd end = Attempt(spec, {});
  ExpectSuccess(end);
  EXPECT_THAT(end.resumed_steps(), Each(Pair(testing::_, 5)));
  // 200 rows of the shuffle buffer and 320 of five batches are of 35 sequences. Blocks have 12.
  for (const auto& [run_id, ended] : end.ended()) EXPECT_EQ(ended.result().tokens_harvested(), (45 - 24) * 16);
}

TEST_F(GangResumeTest, LaterEpochsHarvestNothing) {
  v1::TrainerSpec spec = Spec(2);
  const Exports undisturbed = Undisturbed(spec);
  Attempt(spec, {2, Death::kKilled, {14, 14}});
  const AttemptEnd end = Attempt(spec, {});
  ExpectSuccess(end);
  EXPECT_THAT(end.resumed_steps(), SizeIs(4));
  for (const auto& [run_id, ended] : end.ended()) EXPECT_EQ(ended.result().tokens_harvested(), 0);
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

TEST_F(GangResumeTest, ARankThatIsToldToStopSavesTheStepThatItIsAt) {
  v1::TrainerSpec spec = Spec(1);
  const Exports undisturbed = Undisturbed(spec);
  spec.mutable_gang()->mutable_checkpoint()->set_every_tokens(int64_t{1} << 40);
  const AttemptEnd stopped = Attempt(spec, {1, Death::kStopped, {7}});
  EXPECT_EQ(stopped.statuses[0].code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(SavedSteps(RunFolder("topk-0")), ElementsAre(7));
  EXPECT_THAT(SavedSteps(StreamFolder("layers.1")), ElementsAre(7));
  const AttemptEnd end = Attempt(spec, {});
  ExpectSuccess(end);
  EXPECT_THAT(end.resumed_steps(), Each(Pair(testing::_, 7)));
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

TEST_F(GangResumeTest, RanksThatStopAtDifferentStepsLoseNoStep) {
  v1::TrainerSpec spec = Spec(2);
  const Exports undisturbed = Undisturbed(spec);
  Attempt(spec, {2, Death::kStopped, {15, 18}});
  const AttemptEnd end = Attempt(spec, {3, Death::kKilled, {}});
  ExpectSuccess(end);
  for (const auto& [run_id, step] : end.resumed_steps()) EXPECT_THAT(step, Ge(15)) << run_id;
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

TEST_F(GangResumeTest, ADamagedStateIsPassedOverForTheOneBefore) {
  v1::TrainerSpec spec = Spec(2);
  const Exports undisturbed = Undisturbed(spec);
  Attempt(spec, {1, Death::kKilled, {6}});
  FlipByte(RunFolder("relu-2"), 6);
  FlipByte(StreamFolder("layers.1"), 5);
  const AttemptEnd end = Attempt(spec, {2, Death::kKilled, {}});
  ExpectSuccess(end);
  EXPECT_EQ(end.resumed_steps().at("relu-2"), 5);
  EXPECT_EQ(end.resumed_steps().at("topk-0"), 6);
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

TEST_F(GangResumeTest, WithoutAStateThatIsWholeARunBeginsAnew) {
  v1::TrainerSpec spec = Spec(1);
  const Exports undisturbed = Undisturbed(spec);
  Attempt(spec, {1, Death::kKilled, {6}});
  for (const int64_t step : {5, 6}) FlipByte(RunFolder("gated-3"), step);
  const AttemptEnd end = Attempt(spec, {});
  ExpectSuccess(end);
  EXPECT_EQ(end.resumed_steps().at("gated-3"), 0);
  EXPECT_EQ(end.resumed_steps().at("topk-0"), 6);
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

TEST_F(GangResumeTest, StatesOfAnotherTrainingAreNotUsed) {
  v1::TrainerSpec spec = Spec(1);
  Attempt(spec, {1, Death::kKilled, {6}});
  spec.mutable_gang()->mutable_runs(0)->mutable_sae()->set_learning_rate(0.001);
  const Exports undisturbed = Undisturbed(spec);
  const AttemptEnd end = Attempt(spec, {});
  ExpectSuccess(end);
  EXPECT_EQ(end.resumed_steps().at("topk-0"), 0);
  EXPECT_EQ(end.resumed_steps().at("relu-2"), 6);
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

TEST_F(GangResumeTest, EvaluationsBeforeTheDeathAreKept) {
  v1::TrainerSpec spec = Spec(1);
  SetSequences(spec, 40);
  spec.mutable_gang()->mutable_evaluation()->set_sequences(5);
  spec.mutable_gang()->mutable_evaluation()->set_every_tokens(128);
  const Exports undisturbed = Undisturbed(spec);
  Attempt(spec, {2, Death::kKilled, {4, 4}});
  Attempt(spec, {1, Death::kKilled, {3}});
  ExpectSuccess(Attempt(spec, {}));
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

TEST_F(GangResumeTest, NothingIsLeftOnceEveryRunHasEnded) {
  v1::TrainerSpec spec = Spec(2);
  Attempt(spec, {2, Death::kKilled, {4, 4}});
  EXPECT_TRUE(PathExists(GangFolder()));
  ExpectSuccess(Attempt(spec, {2, Death::kKilled, {}}));
  EXPECT_FALSE(PathExists(GangFolder()));
  EXPECT_THAT(ListFolder(fixture_.Path("artifacts/sweep")).value(),
              ElementsAre("batchtopk-1", "gated-3", "relu-2", "topk-0"));
}

TEST_F(GangResumeTest, AnOlderAttemptDoesNotBegin) {
  v1::TrainerSpec spec = Spec(1);
  attempts_ = 4;
  Attempt(spec, {1, Death::kKilled, {3}});
  attempts_ = 1;
  const AttemptEnd end = Attempt(spec, {});
  EXPECT_EQ(end.statuses[0].code(), absl::StatusCode::kInternal);
  EXPECT_THAT(end.statuses[0].message(), AllOf(HasSubstr("attempt 5"), HasSubstr("attempt 2")));
  EXPECT_THAT(SavedSteps(RunFolder("topk-0")), ElementsAre(2, 3));
}

TEST_F(GangResumeTest, TrainsWhereNoCheckpointCanBeWritten) {
  v1::TrainerSpec spec = Spec(1);
  const Exports undisturbed = Undisturbed(spec);
  ASSERT_TRUE(MakeFolders(fixture_.Path("artifacts/sweep")).ok());
  ASSERT_TRUE(WriteFileDurably(GangFolder(), "in the way").ok());
  ExpectSuccess(Attempt(spec, {}));
  EXPECT_EQ(ExportsOf(spec), undisturbed);
}

}  // namespace
}  // namespace seedbed
