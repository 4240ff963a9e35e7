#include "sae/activations/sequences/sequence_source.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/permutation.h"
#include "sae/activations/stream_seeds.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kLength = 4;

std::vector<int64_t> ValuesOf(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
}

class SequenceSourceTest : public ::testing::Test {
 protected:
  SequenceSourceTest() {
    config_.sequence_length = kLength;
    config_.micro_batch_sequences = 2;
    config_.seed = 11;
  }

  TokenMixture Open(const std::vector<MixtureFile>& files) {
    absl::StatusOr<TokenMixture> mixture = TokenMixture::Open(files, kLength);
    EXPECT_TRUE(mixture.ok()) << mixture.status();
    config_.sequences = mixture->sequences();
    return *std::move(mixture);
  }

  // One file of these tokens.
  template <typename Token>
  TokenMixture Write(const std::vector<Token>& tokens, int64_t vocabulary_size = 100) {
    return Open({{WriteTokens(folder_, "t", tokens, vocabulary_size), static_cast<int64_t>(tokens.size()) / kLength}});
  }

  // The sequences of the stream, each as its first token: of numbered tokens the place in the file.
  std::vector<int64_t> FirstTokens(const TokenMixture& mixture) {
    const SequenceSource source(config_, &mixture);
    std::vector<int64_t> first;
    for (int64_t m = 0; 2 * m < config_.sequences; ++m) {
      const absl::StatusOr<MicroBatch> batch = source.Read(m);
      EXPECT_TRUE(batch.ok()) << batch.status();
      EXPECT_EQ(batch->tokens.size(0), source.SequencesIn(m));
      for (const int64_t token : ValuesOf(batch->tokens.select(1, 0))) first.push_back(token);
    }
    return first;
  }

  // kept_rows of the first micro-batch.
  std::vector<int64_t> KeptRows(const TokenMixture& mixture) {
    const SequenceSource source(config_, &mixture);
    const absl::StatusOr<MicroBatch> batch = source.Read(0);
    EXPECT_TRUE(batch.ok()) << batch.status();
    const absl::StatusOr<int64_t> counted = source.KeptRowsIn(0);
    EXPECT_TRUE(counted.ok()) << counted.status();
    EXPECT_EQ(*counted, batch->kept_rows.numel());
    return ValuesOf(batch->kept_rows);
  }

  TemporaryFolder folder_;
  StreamConfig config_;
};

TEST_F(SequenceSourceTest, FilesTakeTurnsEachInItsOwnOrder) {
  // 10 and 6 sequences; those of b begin at 1000.
  std::vector<uint16_t> b(6 * kLength);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<uint16_t>(1000 + i);
  const std::string a_path = WriteNumberedTokens(folder_, 10 * kLength, 5000, "a");
  const TokenMixture mixture = Open({{a_path, 6}, {WriteTokens(folder_, "b", b, 5000), 3}});

  const Permutation order_of_a(10, SequenceOrderSeed(11, 0));
  const Permutation order_of_b(6, SequenceOrderSeed(11, 1));
  std::vector<int64_t> expected;
  for (const auto& [file, k] :
       std::vector<std::pair<int, uint64_t>>{{0, 0}, {1, 0}, {0, 1}, {0, 2}, {1, 1}, {0, 3}, {0, 4}, {1, 2}, {0, 5}}) {
    expected.push_back(static_cast<int64_t>(file == 0 ? order_of_a.At(k) : 250 + order_of_b.At(k)) * kLength);
  }
  EXPECT_EQ(FirstTokens(mixture), expected);

  config_.shuffled = false;
  EXPECT_THAT(FirstTokens(mixture), ElementsAre(0, 1000, 4, 8, 1004, 12, 16, 1008, 20));
}

// What one file gave before there were mixtures.
TEST_F(SequenceSourceTest, OneFileIsInTheOrderOfItsPermutation) {
  const TokenMixture mixture = Open({{WriteNumberedTokens(folder_, 8 * kLength + 3, 100), 5}});
  const Permutation order(8, DeriveSeed(11, 0x5E90'0000'0000'0000ull));
  const std::vector<int64_t> first = FirstTokens(mixture);
  ASSERT_EQ(first.size(), 5);
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i], order.At(i) * kLength);
}

TEST_F(SequenceSourceTest, ExclusionsLeaveTheModelWholeSequences) {
  config_.shuffled = false;
  config_.exclude_first = 1;
  const std::vector<uint16_t> tokens = {7, 8, 9, 7, 1, 7, 0, 0};
  const TokenMixture mixture = Write(tokens);
  EXPECT_THAT(KeptRows(mixture), ElementsAre(1, 2, 3, 5, 6, 7));
  config_.exclude_tokens = {7};
  EXPECT_THAT(KeptRows(mixture), ElementsAre(1, 2, 6, 7));
  config_.padding_token = 0;
  EXPECT_THAT(KeptRows(mixture), ElementsAre(1, 2));
  EXPECT_EQ(ValuesOf(SequenceSource(config_, &mixture).Read(0)->tokens),
            std::vector<int64_t>(tokens.begin(), tokens.end()));
}

TEST_F(SequenceSourceTest, OnlyTheRunAtTheEndIsPadding) {
  config_.shuffled = false;
  config_.padding_token = 5;
  EXPECT_THAT(KeptRows(Write<uint32_t>({5, 1, 5, 5, 1, 5, 5, 2})), ElementsAre(0, 1, 4, 5, 6, 7));
}

TEST_F(SequenceSourceTest, ASequenceMayGiveNothing) {
  config_.shuffled = false;
  config_.exclude_first = 1;
  config_.padding_token = 5;
  EXPECT_THAT(KeptRows(Write<uint16_t>({5, 5, 5, 5, 1, 5, 5, 5})), ElementsAre());
}

TEST_F(SequenceSourceTest, IdBeyondTheVocabularyIsFoundByReadingAndByCounting) {
  config_.shuffled = false;
  const TokenMixture mixture = Write<uint16_t>({1, 2, 3, 4, 5, 100, 7, 8});
  config_.exclude_tokens = {1};
  const SequenceSource source(config_, &mixture);
  for (const absl::Status& status : {source.Read(0).status(), source.KeptRowsIn(0).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("token id 100 at position 5"));
  }
}

}  // namespace
}  // namespace seedbed
