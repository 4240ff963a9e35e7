// What an inspection finds in a sweep's files, through the real program.
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/io/safetensors.h"
#include "tests/worker/trainer/rank_process.h"
#include "tests/worker/trainer/small_model.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class InspectionTest : public ::testing::Test {
 protected:
  InspectionTest() {
    request_.set_inspection_id("inspection-1");
    spec().mutable_model()->set_path(fixture_.Path("model"));
    spec().mutable_data()->add_tokens()->set_path(fixture_.Path("tokens.bin"));
    spec().mutable_data()->mutable_tokens(0)->set_weight(1);
    spec().mutable_data()->set_sequence_length(TrainerFixture::kSequenceLength);
    spec().mutable_data()->set_max_tokens(TrainerFixture::kSequences * TrainerFixture::kSequenceLength);
    spec().mutable_data()->set_order(v1::SEQUENCE_ORDER_SHUFFLED);
    spec().mutable_activations()->set_exclude_first(1);
    spec().mutable_activations()->set_source(v1::ACTIVATION_SOURCE_MODEL);
    spec().mutable_sae()->add_hookpoints("layers.1");
  }

  v1::SweepSpec& spec() { return *request_.mutable_spec(); }

  v1::InspectionResult Run() {
    const std::string path = fixture_.Path("request");
    std::ofstream(path, std::ios::binary) << request_.SerializeAsString();
    RankProcess process("--inspect", path, fixture_.Path("inspection.log"));
    const ExitStatus status = process.Finish();
    EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << process.LogTail();
    EXPECT_THAT(process.messages(), SizeIs(1));
    if (process.messages().size() != 1) return {};
    EXPECT_EQ(process.messages()[0].inspection_result().inspection_id(), "inspection-1");
    return process.messages()[0].inspection_result();
  }

  void ExpectViolation(const std::string& field, const std::vector<std::string>& parts) {
    const v1::InspectionResult result = Run();
    EXPECT_THAT(result.hookpoints(), IsEmpty());
    EXPECT_EQ(result.rows_per_epoch(), 0);
    ASSERT_THAT(result.violations(), SizeIs(1)) << result.DebugString();
    EXPECT_EQ(result.violations(0).field(), field);
    for (const std::string& part : parts) EXPECT_THAT(result.violations(0).description(), HasSubstr(part));
  }

  // A folder source of `rows` rows of `width` for `hookpoint`.
  void WriteRows(const std::string& hookpoint, int64_t rows, int64_t width) {
    const std::string folder = fixture_.Path(absl::StrCat("rows/", hookpoint));
    ASSERT_TRUE(MakeFolders(folder).ok());
    const std::string bytes(static_cast<size_t>(rows * width) * sizeof(float), '\0');
    ASSERT_TRUE(
        WriteSafetensors(JoinPath(folder, "a.safetensors"), {{"x", TensorType::kF32, {rows, width}, bytes}}, {}).ok());
    spec().mutable_activations()->set_source(v1::ACTIVATION_SOURCE_FOLDER);
    spec().mutable_activations()->set_path(fixture_.Path("rows"));
    spec().mutable_data()->Clear();
  }

  TrainerFixture fixture_;
  v1::InspectionRequest request_;
};

TEST_F(InspectionTest, ResolvesPatternsAndCountsRows) {
  spec().mutable_sae()->set_hookpoints(0, "layers.*.mlp");
  spec().mutable_sae()->add_hookpoints("model.layers.1");
  const v1::InspectionResult result = Run();
  EXPECT_THAT(result.violations(), IsEmpty()) << result.DebugString();
  EXPECT_THAT(result.hookpoints(), ElementsAre("layers.0.mlp", "layers.1.mlp", "layers.2.mlp", "layers.1"));
  EXPECT_EQ(result.d_model(), 16);
  EXPECT_EQ(result.rows_per_epoch(), TrainerFixture::kSequences * (TrainerFixture::kSequenceLength - 1));
  EXPECT_EQ(result.error(), "");
}

void AddTranscoder(v1::SweepSpec& spec, const char* input, const char* target) {
  v1::TranscoderSpec& transcoder = *spec.mutable_sae()->add_transcoders();
  transcoder.set_input(input);
  transcoder.set_target(target);
}

TEST_F(InspectionTest, ResolvesBothEndsOfTranscoders) {
  spec().mutable_sae()->clear_hookpoints();
  AddTranscoder(spec(), "layers.1.mlp_in", "model.layers.1.mlp");
  AddTranscoder(spec(), "embed_tokens", "layers.2");
  const v1::InspectionResult result = Run();
  EXPECT_THAT(result.violations(), IsEmpty()) << result.DebugString();
  EXPECT_THAT(result.hookpoints(), IsEmpty());
  ASSERT_THAT(result.transcoders(), SizeIs(2));
  EXPECT_EQ(result.transcoders(0).input(), "layers.1.mlp_in");
  EXPECT_EQ(result.transcoders(0).target(), "layers.1.mlp");
  EXPECT_EQ(result.transcoders(1).input(), "embeddings");
  EXPECT_EQ(result.transcoders(1).target(), "layers.2");
}

TEST_F(InspectionTest, NamesTheEndOfATranscoderThatIsNotInTheModel) {
  AddTranscoder(spec(), "layers.1.mlp_in", "layers.1.mlp");
  AddTranscoder(spec(), "layers.1.mlp_in", "layers.7.mlp");
  ExpectViolation("sae.transcoders[1].target", {"layers.7.mlp"});
  spec().mutable_sae()->mutable_transcoders(1)->set_input("nonsense");
  ExpectViolation("sae.transcoders[1].input", {"nonsense"});
}

TEST_F(InspectionTest, FindsATranscoderThatRunsBackwardsWhereItIsToBeEvaluated) {
  spec().mutable_data()->set_max_tokens(160);
  AddTranscoder(spec(), "layers.1.mlp", "layers.1.mlp_in");
  EXPECT_THAT(Run().violations(), IsEmpty());
  spec().mutable_evaluation()->set_sequences(5);
  ExpectViolation("sae.transcoders[0].target", {"is layers.1.mlp_in, which comes before the input layers.1.mlp;"});
}

TEST_F(InspectionTest, AFoldersTranscodersHaveAFolderForEachEnd) {
  WriteRows("layers.1.mlp_in", 40, 8);
  WriteRows("layers.1.mlp", 40, 24);
  spec().clear_model();
  spec().mutable_sae()->clear_hookpoints();
  AddTranscoder(spec(), "layers.1.mlp_in", "layers.1.mlp");
  EXPECT_EQ(Run().rows_per_epoch(), 40);
  AddTranscoder(spec(), "layers.1.mlp_in", "layers.2.mlp");
  ExpectViolation("activations.path", {"layers.2.mlp"});
}

TEST_F(InspectionTest, CountsRowsThatAreLeftAfterExclusions) {
  const std::vector<uint16_t> tokens =
      SmallModelTokens(TrainerFixture::kSequences * TrainerFixture::kSequenceLength + 5);
  spec().mutable_data()->set_order(v1::SEQUENCE_ORDER_SEQUENTIAL);
  spec().mutable_activations()->add_exclude_tokens(7);
  spec().mutable_activations()->add_exclude_tokens(3);
  int64_t expected = 0;
  for (int64_t i = 0; i < TrainerFixture::kSequences * TrainerFixture::kSequenceLength; ++i) {
    expected += i % TrainerFixture::kSequenceLength != 0 && tokens[i] != 3 && tokens[i] != 7;
  }
  EXPECT_EQ(Run().rows_per_epoch(), expected);
}

TEST_F(InspectionTest, NamesTheFieldOfWhatIsWrong) {
  spec().mutable_model()->set_path(fixture_.Path("nowhere"));
  ExpectViolation("model.path", {fixture_.Path("nowhere"), "does not exist"});
  spec().mutable_model()->set_path(fixture_.Path("model"));

  spec().mutable_sae()->add_hookpoints("layers.7.mlp");
  ExpectViolation("sae.hookpoints[1]", {"layers.7.mlp"});
  spec().mutable_sae()->set_hookpoints(1, "layers.*");
  ExpectViolation("sae.hookpoints[1]", {"layers.1"});
  spec().mutable_sae()->mutable_hookpoints()->RemoveLast();

  spec().mutable_data()->set_max_tokens(1'000'000);
  ExpectViolation("data.max_tokens", {fixture_.Path("tokens.bin")});
  spec().mutable_data()->set_max_tokens(160);

  spec().mutable_activations()->add_exclude_tokens(kSmallModelVocabulary);
  ExpectViolation("activations.exclude_tokens", {"32"});
  spec().mutable_activations()->clear_exclude_tokens();

  WriteTokens(fixture_.Path("large.bin"), SmallModelTokens(200), kSmallModelVocabulary + 1);
  spec().mutable_data()->mutable_tokens(0)->set_path(fixture_.Path("large.bin"));
  ExpectViolation("data.tokens[0].path", {"large.bin", "33", "32"});
}

TEST_F(InspectionTest, FindsTooFewHeldOutSequences) {
  spec().mutable_data()->set_max_tokens((TrainerFixture::kSequences - 5) * TrainerFixture::kSequenceLength);
  spec().mutable_evaluation()->set_sequences(5);
  EXPECT_THAT(Run().violations(), IsEmpty());
  spec().mutable_evaluation()->set_sequences(6);
  ExpectViolation("evaluation.sequences", {"is 6: " + fixture_.Path("tokens.bin"), "has 50 sequences of 16 tokens",
                                           "45 are trained on; at most the other 5 can be held out, not 6"});
}

TEST_F(InspectionTest, FindsHeldOutSequencesThatPredictNothing) {
  spec().mutable_data()->set_max_tokens(160);
  spec().mutable_evaluation()->set_sequences(5);
  spec().mutable_activations()->set_exclude_first(TrainerFixture::kSequenceLength - 1);
  ExpectViolation("evaluation.sequences", {"is 5: no position of the 5 held-out sequences of 16 tokens"});
}

TEST_F(InspectionTest, FindsEverythingThatIsWrong) {
  spec().mutable_model()->set_path(fixture_.Path("nowhere"));
  spec().mutable_data()->mutable_tokens(0)->set_path(fixture_.Path("missing.bin"));
  const v1::InspectionResult result = Run();
  ASSERT_THAT(result.violations(), SizeIs(2)) << result.DebugString();
  EXPECT_EQ(result.violations(0).field(), "model.path");
  EXPECT_EQ(result.violations(1).field(), "data.tokens[0].path");
}

TEST_F(InspectionTest, ReadsFolders) {
  WriteRows("layers.1", 9, 16);
  const v1::InspectionResult result = Run();
  EXPECT_THAT(result.violations(), IsEmpty()) << result.DebugString();
  EXPECT_EQ(result.rows_per_epoch(), 9);
  spec().mutable_data()->set_max_tokens(5);
  EXPECT_EQ(Run().rows_per_epoch(), 5);
  spec().mutable_data()->set_max_tokens(10);
  ExpectViolation("data.max_tokens", {"is 10", "has 9 rows"});
}

TEST_F(InspectionTest, FoldersOfOtherWidthsOrRowsAreRefused) {
  WriteRows("layers.1", 9, 8);
  ExpectViolation("activations.path", {"8", "16"});
  WriteRows("layers.1", 9, 16);
  WriteRows("layers.0", 8, 16);
  spec().mutable_sae()->add_hookpoints("layers.0");
  ExpectViolation("activations.path", {"has 8 rows", "are 9"});
}

TEST_F(InspectionTest, FoldersNeedNoModel) {
  WriteRows("layers.1", 9, 8);
  spec().clear_model();
  spec().mutable_sae()->set_hookpoints(0, "model.layers.1");
  const v1::InspectionResult result = Run();
  EXPECT_THAT(result.violations(), IsEmpty()) << result.DebugString();
  EXPECT_THAT(result.hookpoints(), ElementsAre("layers.1"));
  spec().mutable_sae()->set_hookpoints(0, "layers.*");
  ExpectViolation("sae.hookpoints[0]", {"layers.*"});
}

TEST_F(InspectionTest, ARequestThatDoesNotParseIsAnError) {
  const std::string path = fixture_.Path("request");
  std::ofstream(path) << "not a message";
  RankProcess process("--inspect", path, fixture_.Path("inspection.log"));
  EXPECT_TRUE(process.Finish().ok());
  ASSERT_THAT(process.messages(), SizeIs(1));
  EXPECT_THAT(process.messages()[0].inspection_result().error(),
              AllOf(HasSubstr(path), HasSubstr("InspectionRequest")));
}

}  // namespace
}  // namespace seedbed
