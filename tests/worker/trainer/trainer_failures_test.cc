// What goes wrong, in real processes: each failure is one message of the right kind, and never a hang.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/io/safetensors.h"
#include "tests/worker/trainer/rank_process.h"
#include "tests/worker/trainer/small_model.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class TrainerFailuresTest : public ::testing::Test {
 protected:
  TrainerFailuresTest() : spec_(fixture_.Spec()) { AddRun(spec_, "run", "layers.1", 0); }

  v1::StreamSpec* stream() { return spec_.mutable_gang()->mutable_stream(); }
  v1::SaeSpec* sae() { return spec_.mutable_gang()->mutable_runs(0)->mutable_sae(); }

  RankProcess Start(const v1::TrainerSpec& spec) {
    const std::string name = absl::StrCat("rank-", spec.rank());
    WriteSpec(spec, fixture_.Path(name + ".spec"));
    return RankProcess(fixture_.Path(name + ".spec"), fixture_.Path(name + ".log"));
  }

  // Runs the rank alone to its failure. Nothing may be left on the artifact root.
  v1::Failure FailureOfRank() {
    RankProcess rank = Start(spec_);
    const ExitStatus status = rank.Finish();
    EXPECT_EQ(status.exit_code, 1) << status.ToString();
    EXPECT_TRUE(rank.messages().back().has_rank_failed());
    EXPECT_THAT(rank.failure().message(), Not(HasSubstr("\n")));
    EXPECT_THAT(fixture_.ExportOf(spec_, "run"), IsEmpty());
    return rank.failure();
  }

  void ExpectUserError(const ::testing::Matcher<std::string>& message) {
    const v1::Failure failure = FailureOfRank();
    EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_USER_ERROR) << failure.message();
    EXPECT_THAT(failure.message(), message);
  }

  TrainerFixture fixture_;
  v1::TrainerSpec spec_;
};

TEST_F(TrainerFailuresTest, MissingModelFolder) {
  stream()->set_model_path(fixture_.Path("no-such-model"));
  ExpectUserError(HasSubstr("no-such-model"));
}

TEST_F(TrainerFailuresTest, TruncatedSafetensors) {
  const std::string weights = fixture_.Path("model/model.safetensors");
  std::filesystem::resize_file(weights, std::filesystem::file_size(weights) - 100);
  ExpectUserError(HasSubstr("model.safetensors"));
}

TEST_F(TrainerFailuresTest, MissingDictionaryToStartFrom) {
  sae()->set_init_from(fixture_.Path("no-such-dictionary"));
  ExpectUserError(AllOf(HasSubstr("run run: init_from: "), HasSubstr("no-such-dictionary")));
}

TEST_F(TrainerFailuresTest, DictionaryOfAnotherWidthToStartFrom) {
  v1::TrainerSpec first = fixture_.Spec();
  AddRun(first, "first", "layers.1", 0);
  RankProcess rank = Start(first);
  ASSERT_TRUE(rank.Finish().ok()) << rank.LogTail();
  sae()->set_latents(64);
  sae()->set_init_from(fixture_.Path("artifacts/sweep/first"));
  ExpectUserError(AllOf(HasSubstr(sae()->init_from()), HasSubstr("encoder_weight is [48, 16], needed is [64, 16]")));
}

TEST_F(TrainerFailuresTest, MissingTokenFile) {
  stream()->mutable_tokens(0)->set_path(fixture_.Path("no-such-tokens.bin"));
  ExpectUserError(HasSubstr("no-such-tokens.bin"));
}

TEST_F(TrainerFailuresTest, ShortTokenFile) {
  SetSequences(spec_, TrainerFixture::kSequences + 1);
  ExpectUserError(AllOf(HasSubstr("tokens.bin"), HasSubstr("has 805 tokens, 50 sequences of 16; 51 are needed")));
}

TEST_F(TrainerFailuresTest, TokenBeyondTheVocabulary) {
  std::vector<uint16_t> tokens = SmallModelTokens(800);
  for (size_t i = 20; i < tokens.size(); i += 16) tokens[i] = 500;
  WriteTokens(fixture_.Path("tokens.bin"), tokens);
  ExpectUserError(AllOf(HasSubstr("tokens.bin"), HasSubstr("token id 500 at position"), HasSubstr("32")));
}

TEST_F(TrainerFailuresTest, TokensOfAnotherTokenizer) {
  WriteTokens(fixture_.Path("tokens.bin"), SmallModelTokens(800), kSmallModelVocabulary + 1);
  ExpectUserError(AllOf(HasSubstr("tokens.bin"), HasSubstr("33"), HasSubstr("32")));
}

TEST_F(TrainerFailuresTest, UnknownHookpoint) {
  sae()->set_hookpoint("layers.3");
  ExpectUserError(HasSubstr("layers.3"));
  sae()->set_hookpoint("layers.one");
  ExpectUserError(AllOf(HasSubstr("run run"), HasSubstr("layers.one")));
}

TEST_F(TrainerFailuresTest, MoreActiveLatentsThanLatents) {
  sae()->set_k(49);
  ExpectUserError(AllOf(HasSubstr("run run"), HasSubstr("k")));
}

TEST_F(TrainerFailuresTest, DeviceThatIsNotThere) {
  spec_.set_device("cuda:63");
  ExpectUserError(HasSubstr("cuda:63"));
}

TEST_F(TrainerFailuresTest, MissingArtifactRootIsOfTheDisk) {
  spec_.set_artifact_root(fixture_.Path("no-such-artifacts"));
  const v1::Failure failure = FailureOfRank();
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_IO);
  EXPECT_THAT(failure.message(), HasSubstr("no-such-artifacts"));
}

// A file where the sweep's folder should be: the export is the first to find it.
TEST_F(TrainerFailuresTest, ExportThatCannotBeWrittenIsOfTheDisk) {
  std::ofstream(JoinPath(spec_.artifact_root(), "sweep")) << "in the way";
  const v1::Failure failure = FailureOfRank();
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_IO);
  EXPECT_THAT(failure.message(), AllOf(HasSubstr("export of run run"), HasSubstr("sweep")));
}

TEST_F(TrainerFailuresTest, FullScratchDiskIsOfTheDisk) {
  ASSERT_EQ(symlink("/dev/full", fixture_.Path("scratch-0/layers.1.f32").c_str()), 0);
  const v1::Failure failure = FailureOfRank();
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_IO) << failure.message();
  EXPECT_THAT(failure.message(), HasSubstr("layers.1.f32"));
}

TEST_F(TrainerFailuresTest, MissingScratchFolderIsOfTheDisk) {
  spec_.set_scratch_dir(fixture_.Path("no-such-scratch"));
  const v1::Failure failure = FailureOfRank();
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_IO) << failure.message();
  EXPECT_THAT(failure.message(), HasSubstr("no-such-scratch"));
}

TEST_F(TrainerFailuresTest, SpecThatDoesNotParseIsInternal) {
  std::ofstream(fixture_.Path("bad.spec")) << "\xff\xff\xff not a message";
  RankProcess rank(fixture_.Path("bad.spec"), fixture_.Path("bad.log"));
  EXPECT_EQ(rank.Finish().exit_code, 1);
  EXPECT_EQ(rank.failure().kind(), v1::FAILURE_KIND_INTERNAL);
  EXPECT_THAT(rank.failure().message(), HasSubstr("bad.spec"));
}

TEST_F(TrainerFailuresTest, ARunThatIsNotFiniteFailsAlone) {
  AddRun(spec_, "sibling", "layers.1", 1);
  sae()->set_hookpoint("layers.2.mlp");
  OverflowTensor(fixture_.Path("model"), "model.layers.2.mlp.down_proj.weight");
  RankProcess rank = Start(spec_);
  const ExitStatus status = rank.Finish();
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << rank.LogTail();
  const auto ended = rank.ended();
  ASSERT_THAT(ended, SizeIs(2));
  EXPECT_EQ(ended.at("run").failure().kind(), v1::FAILURE_KIND_NOT_FINITE);
  EXPECT_THAT(ended.at("run").failure().message(), HasSubstr("step 1"));
  EXPECT_THAT(fixture_.ExportOf(spec_, "run"), IsEmpty());
  EXPECT_TRUE(ended.at("sibling").has_result());
  EXPECT_THAT(fixture_.ExportOf(spec_, "sibling"), SizeIs(4));
}

// What sparsify might have left of a training that diverged: finite, but no batch comes through it.
void WriteHugeDictionary(const std::string& folder) {
  constexpr int64_t kLatents = 48;
  constexpr int64_t kWidth = 16;
  const std::vector<float> huge(kLatents * kWidth, 1e37f);
  const std::vector<float> ones(kLatents * kWidth, 1.0f);
  const auto bytes = [](const std::vector<float>& values, int64_t count) {
    return absl::string_view(reinterpret_cast<const char*>(values.data()), static_cast<size_t>(count) * sizeof(float));
  };
  ASSERT_TRUE(MakeFolders(folder).ok());
  std::ofstream(JoinPath(folder, "cfg.json"))
      << R"({"activation": "topk", "expansion_factor": 3, "normalize_decoder": true, "num_latents": 48, "k": 4,)"
      << R"( "multi_topk": false, "skip_connection": false, "transcode": false, "d_in": 16})";
  const absl::Status written =
      WriteSafetensors(JoinPath(folder, "sae.safetensors"),
                       {{"encoder.weight", TensorType::kF32, {kLatents, kWidth}, bytes(huge, kLatents * kWidth)},
                        {"encoder.bias", TensorType::kF32, {kLatents}, bytes(ones, kLatents)},
                        {"W_dec", TensorType::kF32, {kLatents, kWidth}, bytes(ones, kLatents * kWidth)},
                        {"b_dec", TensorType::kF32, {kWidth}, bytes(ones, kWidth)}},
                       {});
  ASSERT_TRUE(written.ok()) << written;
}

TEST_F(TrainerFailuresTest, ASiblingThatIsNotFiniteLeavesTheOthersTheirBytes) {
  SetSequences(spec_, 40);
  spec_.mutable_gang()->mutable_evaluation()->set_sequences(5);
  spec_.mutable_gang()->mutable_evaluation()->set_every_tokens(256);
  for (const uint64_t seed : {1, 2}) AddRun(spec_, absl::StrCat("run-", seed), "layers.1", seed);
  v1::TrainerSpec with = spec_;
  WriteHugeDictionary(fixture_.Path("huge"));
  with.mutable_gang()->mutable_runs(1)->mutable_sae()->set_init_from(fixture_.Path("huge"));
  RankProcess rank = Start(with);
  ASSERT_TRUE(rank.Finish().ok()) << rank.LogTail();
  const v1::Failure failure = rank.ended().at("run-1").failure();
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_NOT_FINITE);
  EXPECT_THAT(failure.message(), AllOf(HasSubstr("step 1: the "), HasSubstr(" is not finite")));
  EXPECT_THAT(fixture_.ExportOf(with, "run-1"), IsEmpty());

  v1::TrainerSpec without = spec_;
  without.mutable_gang()->mutable_runs()->DeleteSubrange(1, 1);
  without.set_artifact_root(fixture_.Path("without"));
  ASSERT_TRUE(MakeFolders(without.artifact_root()).ok());
  RankProcess undisturbed = Start(without);
  ASSERT_TRUE(undisturbed.Finish().ok()) << undisturbed.LogTail();
  for (const char* run_id : {"run", "run-2"}) {
    const auto files = fixture_.ExportOf(with, run_id);
    EXPECT_THAT(files, SizeIs(6)) << run_id;
    EXPECT_EQ(files, fixture_.ExportOf(without, run_id)) << run_id;
  }
}

// Long enough that it is still at work when something happens to it.
class EndlessTest : public TrainerFailuresTest {
 protected:
  EndlessTest() {
    stream()->set_epochs(10'000);
    sae()->set_learning_rate(1e-6);
  }
  static bool Trains(const v1::RankMessage& message) { return message.has_progress() && message.progress().step() > 0; }
};

TEST_F(EndlessTest, EndsWithItsWorker) {
  RankProcess rank = Start(spec_);
  ASSERT_TRUE(rank.WaitFor(Trains));
  rank.CloseInput();
  EXPECT_EQ(rank.Finish().exit_code, 70);
}

TEST_F(EndlessTest, EndsWithTheLeaseOfAWorkerThatStandsStill) {
  RankProcess rank = Start(spec_);
  ASSERT_TRUE(rank.WaitFor(Trains));
  rank.RunUntil(Clock::Real()->Monotonic() + absl::Hours(1));
  rank.RunUntil(Clock::Real()->Monotonic());
  EXPECT_EQ(rank.Finish().exit_code, 71);
}

TEST_F(EndlessTest, EndsWhenNobodyReadsItsMessages) {
  RankProcess rank = Start(spec_);
  ASSERT_TRUE(rank.WaitFor(Trains));
  rank.CloseMessages();
  EXPECT_EQ(rank.Finish().exit_code, 70);
}

TEST_F(EndlessTest, StopsAtOnceWhenTold) {
  RankProcess rank = Start(spec_);
  ASSERT_TRUE(rank.WaitFor(Trains));
  rank.Signal(SIGTERM);
  EXPECT_EQ(rank.Finish().exit_code, 143);
  EXPECT_THAT(fixture_.ExportOf(spec_, "run"), IsEmpty());
}

TEST_F(TrainerFailuresTest, PeerThatNeverComesIsAnErrorAndNotAHang) {
  spec_.set_collective_timeout_ms(1000);
  RankProcess rank = Start(fixture_.SpecOfRank(spec_, 0, 2));
  ASSERT_TRUE(rank.WaitFor([](const v1::RankMessage& m) { return m.has_rendezvous_ready(); }));
  EXPECT_EQ(rank.Finish().exit_code, 1);
  EXPECT_EQ(rank.failure().kind(), v1::FAILURE_KIND_HUNG_COLLECTIVE);
  EXPECT_THAT(rank.failure().message(), HasSubstr("lost contact with another rank"));
}

// Many blocks, so that the ranks need each other again and again.
TEST_F(TrainerFailuresTest, PeerThatDiesIsAnErrorAndNotAHang) {
  constexpr int64_t kManySequences = 200'000;
  WriteTokens(fixture_.Path("tokens.bin"), SmallModelTokens(kManySequences * TrainerFixture::kSequenceLength));
  SetSequences(spec_, kManySequences);
  stream()->set_epochs(1);
  RankProcess first = Start(fixture_.SpecOfRank(spec_, 0, 2));
  const auto ready = first.WaitFor([](const v1::RankMessage& m) { return m.has_rendezvous_ready(); });
  ASSERT_TRUE(ready);
  v1::TrainerSpec second_spec = fixture_.SpecOfRank(spec_, 1, 2);
  second_spec.set_rendezvous_address(absl::StrCat("127.0.0.1:", ready->rendezvous_ready().port()));
  RankProcess second = Start(second_spec);
  ASSERT_TRUE(first.WaitFor([](const v1::RankMessage& m) { return m.has_progress() && m.progress().step() > 0; }));
  second.Signal(SIGKILL);
  EXPECT_EQ(first.Finish().exit_code, 1);
  EXPECT_EQ(first.failure().kind(), v1::FAILURE_KIND_RANK_DIED);
  EXPECT_THAT(first.failure().message(), HasSubstr("lost contact with another rank: rank 0: step "));
  EXPECT_THAT(first.failure().message(), HasSubstr(": all-to-all: "));
  EXPECT_THAT(first.failure().message(), HasSubstr("waiting for rank 1 (127.0.0.1, "));
}

}  // namespace
}  // namespace seedbed
