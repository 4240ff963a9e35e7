#include "sae/activations/folder_stream.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/permutation.h"
#include "sae/activations/rows/row_folder.h"
#include "sae/activations/stream_seeds.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

constexpr int64_t kWidth = 4;
constexpr int64_t kRows = 10;

class FolderStreamTest : public ::testing::Test {
 protected:
  FolderStreamTest() {
    WriteTensors(folder_.File("b.safetensors"), {{"rows", NumberedRows(6, 4, kWidth)}});
    WriteTensors(folder_.File("a.safetensors"), {{"rows", NumberedRows(0, 6, kWidth)}});
    config_.counted_rows = kRows;
    config_.batch_tokens = 3;
    config_.epochs = 2;
    config_.seed = 7;
  }

  std::unique_ptr<ActivationStream> Open() {
    FolderStreamParts parts;
    parts.stores.push_back(OpenRowFolder(folder_.path(), kWidth).value());
    parts.hosted = {1};
    parts.hookpoints = 2;
    parts.clock = Clock::Real();
    return FolderStream::Create(config_, std::move(parts)).value();
  }

  // The number of each row, from its first value.
  std::vector<int64_t> RowsOf(ActivationStream& stream) {
    std::vector<int64_t> rows;
    Batch batch;
    while (*stream.Next(&batch)) {
      EXPECT_FALSE(batch.activations[0].defined());
      for (int64_t i = 0; i < batch.activations[1].size(0); ++i) {
        rows.push_back(batch.activations[1][i][0].item<int64_t>() / kWidth);
      }
    }
    return rows;
  }

  TemporaryFolder folder_;
  StreamConfig config_;
};

TEST_F(FolderStreamTest, TakesEveryEpochInASeededOrder) {
  const std::unique_ptr<ActivationStream> stream = Open();
  std::vector<int64_t> expected;
  for (const int64_t epoch : {0, 1}) {
    const Permutation order(kRows, EpochOrderSeed(config_.seed, epoch));
    for (uint64_t i = 0; i < kRows; ++i) expected.push_back(static_cast<int64_t>(order.At(i)));
  }
  expected.resize(18);
  EXPECT_EQ(RowsOf(*stream), expected);
  EXPECT_TRUE(stream->harvested());
  EXPECT_EQ(stream->gang_tokens_harvested(), 0);
}

TEST_F(FolderStreamTest, SequentialKeepsTheOrderOfTheFiles) {
  config_.shuffled = false;
  config_.counted_rows = 8;  // Fewer than there are.
  const std::vector<int64_t> rows = RowsOf(*Open());
  ASSERT_EQ(rows.size(), 15);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], i % 8);
}

TEST_F(FolderStreamTest, EqualStreamsHaveEqualHashesAndOtherSeedsOthers) {
  const auto hash_of = [&] {
    const std::unique_ptr<ActivationStream> stream = Open();
    RowsOf(*stream);
    return stream->hash(1).ToString();
  };
  const std::string first = hash_of();
  EXPECT_EQ(hash_of(), first);
  config_.seed = 8;
  EXPECT_NE(hash_of(), first);
}

TEST_F(FolderStreamTest, NormalizesByTheRowsThatComeFirst) {
  config_.shuffled = false;
  config_.normalize_rows = 1;  // [0, 1, 2, 3]: a squared norm of 14.
  const std::unique_ptr<ActivationStream> stream = Open();
  EXPECT_FLOAT_EQ(stream->scale(1), std::sqrt(4.0f / 14.0f));
  Batch batch;
  ASSERT_TRUE(*stream->Next(&batch));
  EXPECT_FLOAT_EQ(batch.activations[1][1][0].item<float>(), 4 * std::sqrt(4.0f / 14.0f));
}

}  // namespace
}  // namespace seedbed
