#include "sae/activations/harvester.h"

#include "ATen/ops/equal.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

constexpr int64_t kLength = 6;
constexpr int64_t kSequences = 7;

// Two sequences a micro-batch, so four micro-batches, the last with one sequence.
class HarvesterTest : public ::testing::Test {
 protected:
  HarvesterTest() {
    config_.sequence_length = kLength;
    config_.sequences = kSequences;
    config_.shuffled = false;
    config_.exclude_first = 2;
    config_.micro_batch_sequences = 2;
  }

  TokenMixture OpenTokens(int64_t vocabulary_size) const {
    const std::string path = WriteNumberedTokens(folder_, kSequences * kLength, vocabulary_size);
    return TokenMixture::Open({{path, kSequences}}, kLength).value();
  }

  Harvester Make(at::ScalarType dtype, Harvester::Buffers buffers = Harvester::Buffers::kOne) {
    source_ = std::make_unique<SequenceSource>(config_, &tokens_);
    return Harvester(source_.get(), &model_, 2, at::kCPU, dtype, buffers,
                     [this](int64_t tokens) { tokens_counted_.push_back(tokens); });
  }

  static std::vector<at::Tensor> Rows(Harvester& harvester, MicroBatchRange range) {
    auto rows = harvester.Harvest(range);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return *std::move(rows);
  }

  TemporaryFolder folder_;
  TokenMixture tokens_ = OpenTokens(/*vocabulary_size=*/1 << 20);
  FakeLanguageModel model_{2};
  StreamConfig config_;
  std::unique_ptr<SequenceSource> source_;
  std::vector<int64_t> tokens_counted_;
};

TEST_F(HarvesterTest, KeepsTheRowsOfItsMicroBatchesInOrder) {
  Harvester harvester = Make(at::kFloat);
  const std::vector<at::Tensor> rows = Rows(harvester, {1, 4});
  ASSERT_EQ(rows.size(), 2);
  int64_t row = 0;
  for (int64_t sequence = 2; sequence < kSequences; ++sequence) {
    for (int64_t position = 2; position < kLength; ++position, ++row) {
      EXPECT_EQ(rows[1][row][0].item<int64_t>(), sequence * kLength + position);
      EXPECT_EQ(rows[1][row][3].item<int64_t>(), 1);
    }
  }
  EXPECT_EQ(rows[0].size(0), row);
  EXPECT_EQ(rows[1].size(0), row);
  EXPECT_EQ(tokens_counted_, (std::vector<int64_t>{2 * kLength, 2 * kLength, kLength}));
}

TEST_F(HarvesterTest, NoMicroBatchesAreNoRows) {
  Harvester harvester = Make(at::kFloat);
  const std::vector<at::Tensor> rows = Rows(harvester, {2, 2});
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0].sizes(), (std::vector<int64_t>{0, FakeLanguageModel::kWidth}));
}

TEST_F(HarvesterTest, RowsAreRoundedToTheDtypeOfTheStream) {
  Harvester whole = Make(at::kFloat);
  const std::vector<at::Tensor> expected = Rows(whole, {0, 4});
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    Harvester harvester = Make(dtype);
    // Twice, the second time with micro-batches of another size first.
    for (const MicroBatchRange range : {MicroBatchRange{3, 4}, MicroBatchRange{0, 4}}) {
      const std::vector<at::Tensor> rows = Rows(harvester, range);
      const int64_t first = range.begin * 2 * (kLength - 2);
      for (size_t h = 0; h < rows.size(); ++h) {
        EXPECT_EQ(rows[h].scalar_type(), dtype);
        EXPECT_TRUE(rows[h].is_contiguous());
        EXPECT_TRUE(at::equal(rows[h], expected[h].narrow(0, first, rows[h].size(0)).to(dtype)));
      }
    }
  }
}

TEST_F(HarvesterTest, OneBufferIsUsedAgainByTheNextCall) {
  Harvester harvester = Make(at::kFloat);
  const void* const first = Rows(harvester, {0, 2})[0].const_data_ptr();
  EXPECT_EQ(Rows(harvester, {2, 4})[0].const_data_ptr(), first);
}

TEST_F(HarvesterTest, TwoBuffersAreUsedInTurn) {
  Harvester harvester = Make(at::kFloat, Harvester::Buffers::kTwo);
  const at::Tensor first = Rows(harvester, {0, 1})[0];
  const at::Tensor copy = first.clone();
  const at::Tensor second = Rows(harvester, {1, 2})[0];
  EXPECT_NE(second.const_data_ptr(), first.const_data_ptr());
  EXPECT_TRUE(at::equal(first, copy));
  EXPECT_EQ(Rows(harvester, {2, 3})[0].const_data_ptr(), first.const_data_ptr());
}

TEST_F(HarvesterTest, TokenBeyondTheVocabularyIsAnError) {
  tokens_ = OpenTokens(/*vocabulary_size=*/20);
  Harvester harvester = Make(at::kFloat);
  EXPECT_TRUE(harvester.Harvest({0, 1}).ok());
  EXPECT_EQ(harvester.Harvest({1, 2}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace seedbed
