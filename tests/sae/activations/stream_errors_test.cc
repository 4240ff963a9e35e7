// What a user or a disk can get wrong.
#include <unistd.h>

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/activation_stream.h"
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

  absl::StatusOr<std::unique_ptr<ActivationStream>> Create(const TokenMixture& tokens) {
    StreamParts parts;
    parts.tokens = &tokens;
    parts.model = &model_;
    parts.hookpoints = 1;
    parts.collectives = group_.get();
    parts.hosted = {{0}};
    parts.scratch_dir = folder_.path();
    parts.clock = Clock::Real();
    return ActivationStream::Create(config_, parts);
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
  const absl::Status status = Create(tokens).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("stream.sequences is 9 of 6 tokens; its files give 10 of 6"));
}

TEST_F(StreamErrorsTest, ExcludedIdBeyondTheVocabularyIsNamed) {
  const TokenMixture tokens = Tokens(1000);
  config_.exclude_tokens = {1000};
  config_.counted_rows = 50;
  EXPECT_THAT(std::string(Create(tokens).status().message()), HasSubstr("stream.exclude_tokens[0] is 1000"));
}

TEST_F(StreamErrorsTest, VocabularyLargerThanTheModelsNamesBoth) {
  const TokenMixture tokens = Tokens(1001);
  const absl::Status status = Create(tokens).status();
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
    const absl::Status status = Create(tokens).status();
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
}

TEST_F(StreamErrorsTest, FullScratchDiskNamesTheSpool) {
  config_.epochs = 2;
  const TokenMixture tokens = Tokens(1000);
  const std::string spool = folder_.File("hookpoint-0.f32");
  ASSERT_EQ(symlink("/dev/full", spool.c_str()), 0);
  auto stream = Create(tokens);
  ASSERT_TRUE(stream.ok()) << stream.status();
  const absl::Status status = Drain(**stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(spool));
}

TEST_F(StreamErrorsTest, MissingScratchFolderNamesTheSpool) {
  config_.epochs = 2;
  const TokenMixture tokens = Tokens(1000);
  StreamParts parts;
  parts.tokens = &tokens;
  parts.model = &model_;
  parts.hookpoints = 1;
  parts.collectives = group_.get();
  parts.hosted = {{0}};
  parts.scratch_dir = "/nonexistent";
  parts.clock = Clock::Real();
  const absl::Status status = ActivationStream::Create(config_, parts).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/hookpoint-0.f32"));
}

}  // namespace
}  // namespace seedbed
