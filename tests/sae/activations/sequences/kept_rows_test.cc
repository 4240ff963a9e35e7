#include "sae/activations/sequences/kept_rows.h"

#include <algorithm>
#include <thread>

#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/sequences/sequence_source.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kLength = 64;
// Several stretches of the scan.
constexpr int64_t kSequences = 60'000;

class KeptRowsTest : public ::testing::Test {
 protected:
  KeptRowsTest() {
    config_.sequence_length = kLength;
    config_.exclude_first = 2;
    config_.exclude_tokens = {3, 40};
    config_.padding_token = 0;
  }

  template <typename Token>
  static std::vector<Token> RandomTokens(uint64_t seed) {
    SplitMix64 random(seed);
    std::vector<Token> tokens(static_cast<size_t>(kSequences * kLength));
    for (Token& token : tokens) token = static_cast<Token>(random.Below(50));
    for (size_t s = 0; s < tokens.size(); s += kLength) {
      for (uint64_t padding = random.Below(kLength); padding > 0; --padding) tokens[s + kLength - padding] = 0;
    }
    return tokens;
  }

  TokenMixture Open(const std::vector<MixtureFile>& files) {
    absl::StatusOr<TokenMixture> mixture = TokenMixture::Open(files, kLength);
    EXPECT_TRUE(mixture.ok()) << mixture.status();
    config_.sequences = mixture->sequences();
    return *std::move(mixture);
  }

  TemporaryFolder folder_;
  StreamConfig config_;
};

TEST_F(KeptRowsTest, IsWhatTheSourceGives) {
  // One file taken whole and one in part, of both widths.
  const TokenMixture mixture = Open({{WriteTokens(folder_, "a", RandomTokens<uint16_t>(1), 50), kSequences},
                                     {WriteTokens(folder_, "b", RandomTokens<uint32_t>(2), 50), kSequences / 3}});
  for (const bool shuffled : {true, false}) {
    config_.shuffled = shuffled;
    const SequenceSource source(config_, &mixture);
    int64_t expected = 0;
    for (int64_t m = 0; m * config_.micro_batch_sequences < config_.sequences; ++m) {
      expected += source.Read(m)->kept_rows.numel();
    }
    for (const int threads : {1, 3}) {
      const absl::StatusOr<int64_t> rows = CountKeptRows(config_, mixture, threads);
      ASSERT_TRUE(rows.ok()) << rows.status();
      EXPECT_EQ(*rows, expected) << threads << " threads, shuffled " << shuffled;
    }
  }
}

TEST_F(KeptRowsTest, WithoutTokensToLeaveOutNothingIsRead) {
  const std::string path = WriteTokens<uint16_t>(folder_, "a", std::vector<uint16_t>(10 * kLength, 99), 50);
  const TokenMixture mixture = Open({{path, 10}});
  config_.exclude_tokens.clear();
  config_.padding_token.reset();
  const absl::StatusOr<int64_t> rows = CountKeptRows(config_, mixture, 1);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(*rows, 10 * (kLength - 2));
}

TEST_F(KeptRowsTest, ReportsProgressInTheCallersThread) {
  const TokenMixture mixture = Open({{WriteTokens(folder_, "a", RandomTokens<uint16_t>(1), 50), kSequences}});
  std::vector<int64_t> progress;
  const absl::StatusOr<int64_t> rows =
      CountKeptRows(config_, mixture, 1, [&, caller = std::this_thread::get_id()](int64_t sequences) {
        EXPECT_EQ(std::this_thread::get_id(), caller);
        progress.push_back(sequences);
      });
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_GT(progress.size(), 2);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(progress.back(), kSequences);
}

TEST_F(KeptRowsTest, FirstIdBeyondTheVocabularyIsNamedWhateverTheThreads) {
  std::vector<uint16_t> tokens = RandomTokens<uint16_t>(1);
  tokens[2'000'001] = 77;
  tokens[3'700'000] = 78;
  const TokenMixture mixture = Open({{WriteTokens(folder_, "a", tokens, 50), kSequences}});
  for (int repetition = 0; repetition < 20; ++repetition) {
    const absl::Status status = CountKeptRows(config_, mixture, 1 + repetition % 4).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(mixture.paths()[0]), HasSubstr("token id 77 at position 2000001")));
  }
}

TEST_F(KeptRowsTest, ExcludedIdBeyondTheVocabularyIsNamed) {
  const std::string path = WriteTokens<uint16_t>(folder_, "a", std::vector<uint16_t>(kLength, 1), 50);
  const TokenMixture mixture = Open({{path, 1}});
  config_.exclude_tokens = {50};
  EXPECT_THAT(std::string(CountKeptRows(config_, mixture, 1).status().message()),
              HasSubstr("stream.exclude_tokens[0] is 50"));
}

}  // namespace
}  // namespace seedbed
