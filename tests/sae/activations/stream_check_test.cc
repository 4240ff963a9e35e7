// What a user or a disk can get wrong.
#include "sae/activations/stream_check.h"

#include <unistd.h>

#include <fstream>

#include "common/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/model_stream.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StreamErrorsTest : public ::testing::Test {
 protected:
  StreamErrorsTest() {
    config_.sequence_length = 6;
    config_.sequences = 10;
    config_.exclude_first = 1;
    config_.batch_tokens = 8;
    config_.micro_batch_sequences = 2;
    config_.block_micro_batches = 2;
  }

  absl::Status Check(const TokenMixture& tokens) const {
    RETURN_IF_ERROR(CheckModelStream(config_));
    return CheckTokens(config_, tokens, model_.vocabulary_size(), /*context_length=*/0);
  }

  absl::StatusOr<std::unique_ptr<ActivationStream>> Create(const TokenMixture& tokens) {
    return ModelStream::Create(config_, StreamPartsOver(config_, tokens, model_, *group_, {{0}}, 1, folder_.path()));
  }

  TokenMixture Tokens(int64_t vocabulary_size) {
    const std::string path = WriteNumberedTokens(folder_, 60, vocabulary_size);
    return TokenMixture::Open({{path, 10}}, 6).value();
  }

  // The first error of the stream.
  absl::Status Drain(ActivationStream& stream) {
    Batch batch;
    while (true) {
      const absl::StatusOr<bool> more = stream.Next(&batch);
      if (!more.ok() || !*more) return more.status();
    }
  }

  TemporaryFolder folder_;
  FakeLanguageModel model_{1, 1000};
  std::unique_ptr<Collectives> group_ = MakeLocalCollectives();
  StreamConfig config_;
};

TEST_F(StreamErrorsTest, TokensOfOtherSequencesThanTheConfigsAreRefused) {
  const TokenMixture tokens = Tokens(1000);
  config_.sequences = 9;
  const absl::Status status = Check(tokens);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("stream.sequences is 9 of 6 tokens; its files give 10 of 6"));
}

TEST_F(StreamErrorsTest, ExcludedIdBeyondTheVocabularyIsNamed) {
  const TokenMixture tokens = Tokens(1000);
  config_.exclude_tokens = {1000};
  config_.counted_rows = 50;
  EXPECT_THAT(std::string(Check(tokens).message()), HasSubstr("stream.exclude_tokens[0] is 1000"));
}

TEST_F(StreamErrorsTest, VocabularyLargerThanTheModelsNamesBoth) {
  const TokenMixture tokens = Tokens(1001);
  const absl::Status status = Check(tokens);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(tokens.paths()[0]), HasSubstr("1001"), HasSubstr("1000")));
}

TEST_F(StreamErrorsTest, TokenBeyondTheVocabularyNamesItsPosition) {
  const TokenMixture tokens = Tokens(50);
  auto stream = Create(tokens);
  ASSERT_TRUE(stream.ok()) << stream.status();
  const absl::Status status = Drain(**stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(tokens.paths()[0]), HasSubstr("at position")));
}

TEST_F(StreamErrorsTest, FieldsOutOfRangeAreNamed) {
  const TokenMixture tokens = Tokens(1000);
  const auto message_with = [&](auto change) {
    const StreamConfig good = config_;
    change(config_);
    const absl::Status status = Check(tokens);
    config_ = good;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message_with([](StreamConfig& c) { c.exclude_first = 6; }),
              HasSubstr("exclude_first is 6; must be less than sequence_length (6)"));
  EXPECT_THAT(message_with([](StreamConfig& c) { c.batch_tokens = 51; }), HasSubstr("have only 50 rows"));
  EXPECT_THAT(message_with([](StreamConfig& c) { c.shuffle_rows = 0; }), HasSubstr("shuffle_rows is 0"));
  EXPECT_THAT(message_with([](StreamConfig& c) { c.epochs = 0; }), HasSubstr("epochs is 0"));
  EXPECT_THAT(message_with([](StreamConfig& c) { c.micro_batch_sequences = 0; }), HasSubstr("micro_batch_sequences"));
  EXPECT_THAT(message_with([](StreamConfig& c) { c.sequences = -1; }), HasSubstr("sequences is -1"));
  EXPECT_THAT(message_with([](StreamConfig& c) { c.normalize_rows = 51; }), HasSubstr("normalize_rows is 51"));
}

TEST_F(StreamErrorsTest, FullScratchDiskNamesTheSpool) {
  config_.epochs = 2;
  const TokenMixture tokens = Tokens(1000);
  const std::string spool = folder_.File("layers.0.f32");
  ASSERT_EQ(symlink("/dev/full", spool.c_str()), 0);
  auto stream = Create(tokens);
  ASSERT_TRUE(stream.ok()) << stream.status();
  const absl::Status status = Drain(**stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(spool));
}

TEST_F(StreamErrorsTest, SequencesLongerThanTheContextAreRefused) {
  const absl::Status status = CheckContext(/*sequence_length=*/6, /*context_length=*/5);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is 6; must be at most the language model's context of 5"));
  EXPECT_TRUE(CheckContext(6, 6).ok());
  EXPECT_TRUE(CheckContext(6, 0).ok());
}

TEST_F(StreamErrorsTest, FolderStreamsNeedRowsAndBatches) {
  StreamConfig config;
  config.batch_tokens = 4;
  EXPECT_THAT(std::string(CheckFolderStream(config).message()), HasSubstr("rows_per_epoch is 0"));
  config.counted_rows = 3;
  EXPECT_THAT(std::string(CheckFolderStream(config).message()), HasSubstr("have only 3 rows"));
  config.epochs = 2;
  EXPECT_TRUE(CheckFolderStream(config).ok());
  config.normalize_rows = 4;
  EXPECT_THAT(std::string(CheckFolderStream(config).message()), HasSubstr("normalize_rows is 4; must be at most"));
}

}  // namespace
}  // namespace seedbed
