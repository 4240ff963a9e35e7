#include "sae/activations/sequences/exclusion.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ExclusionTest : public ::testing::Test {
 protected:
  TokenMixture Open(absl::string_view fields = "") {
    const std::string path = WriteTokens<uint16_t>(folder_, "t", std::vector<uint16_t>(8, 1), 100, fields);
    return TokenMixture::Open({{path, 2}}, 4).value();
  }

  std::string RefusalOf(const TokenMixture& mixture) {
    const absl::Status status = CheckExclusion(config_, mixture);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  TemporaryFolder folder_;
  StreamConfig config_;
};

TEST_F(ExclusionTest, IdsThatTheFilesCannotHaveAreNamed) {
  const TokenMixture mixture = Open();
  config_.exclude_tokens = {3, 100};
  EXPECT_THAT(RefusalOf(mixture), HasSubstr("stream.exclude_tokens[1] is 100; must be from 0 to 99"));
  config_.exclude_tokens = {-1};
  EXPECT_THAT(RefusalOf(mixture), HasSubstr("stream.exclude_tokens[0] is -1"));
  config_.exclude_tokens.clear();
  config_.padding_token = 100;
  EXPECT_THAT(RefusalOf(mixture), HasSubstr("stream.padding_token is 100; must be from 0 to 99"));
  config_.padding_token = 99;
  EXPECT_TRUE(CheckExclusion(config_, mixture).ok());
}

TEST_F(ExclusionTest, IdsMustAscend) {
  config_.exclude_tokens = {5, 5};
  EXPECT_THAT(RefusalOf(Open()), HasSubstr("stream.exclude_tokens[1] is 5 after 5; ids must ascend"));
}

TEST_F(ExclusionTest, PaddingOfAFileMustBeLeftOut) {
  const TokenMixture padded = Open(R"(, "sequence_length": 4, "padding_token": 7)");
  EXPECT_THAT(RefusalOf(padded),
              AllOf(HasSubstr("stream.padding_token is not set; must be 7"), HasSubstr(padded.paths()[0])));
  config_.padding_token = 3;
  EXPECT_THAT(RefusalOf(padded), HasSubstr("stream.padding_token is 3; must be 7"));
  config_.exclude_tokens = {7};
  EXPECT_TRUE(CheckExclusion(config_, padded).ok());
  config_.exclude_tokens.clear();
  config_.padding_token = 7;
  EXPECT_TRUE(CheckExclusion(config_, padded).ok());
}

}  // namespace
}  // namespace seedbed
