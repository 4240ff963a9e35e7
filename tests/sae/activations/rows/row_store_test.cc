#include "sae/activations/rows/row_store.h"

#include <unistd.h>

#include <memory>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/equal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kWidth = 3;

RowShard WriteShard(const std::string& path, const at::Tensor& rows) {
  WriteTensors(path, {{"activations", rows}});
  const absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status();
  absl::StatusOr<RowShard> shard = RowShard::Open(path, file->tensors().at("activations"));
  EXPECT_TRUE(shard.ok()) << shard.status();
  return *shard;
}

at::Tensor Copied(const RowStore& store, int64_t first, int64_t count, float scale = 1) {
  at::Tensor rows = at::empty({count, store.width()}, at::kFloat);
  const absl::Status status = store.CopyRows(first, count, scale, rows.data_ptr<float>());
  EXPECT_TRUE(status.ok()) << status;
  return rows;
}

class RowStoreTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  // 40 rows in shards of 7, 0, 1 and 32.
  RowStore MakeStore() {
    std::vector<RowShard> shards;
    int64_t first = 0;
    for (const int64_t rows : {7, 0, 1, 32}) {
      shards.push_back(
          WriteShard(folder_.File(absl::StrCat(first, "-", rows)), NumberedRows(first, rows, kWidth, GetParam())));
      first += rows;
    }
    const RowFormat format = shards.front().format();
    return RowStore(std::move(shards), format);
  }

  TemporaryFolder folder_;
};

TEST_P(RowStoreTest, CopiesAnyRowsAcrossShards) {
  const RowStore store = MakeStore();
  ASSERT_EQ(store.rows(), 40);
  EXPECT_EQ(store.width(), kWidth);
  for (int64_t first = 0; first <= 40; ++first) {
    for (int64_t count = 0; first + count <= 40; ++count) {
      EXPECT_TRUE(at::equal(Copied(store, first, count), NumberedRows(first, count, kWidth))) << first << " " << count;
    }
  }
}

TEST_P(RowStoreTest, Scales) {
  EXPECT_TRUE(at::equal(Copied(MakeStore(), 5, 10, 0.5f), NumberedRows(5, 10, kWidth) * 0.5));
}

TEST_P(RowStoreTest, HintsLeaveRowsAsTheyAre) {
  const RowStore store = MakeStore();
  store.ExpectRandomReads();
  for (int64_t row = 0; row < store.rows(); ++row) store.Prefetch(row);
  EXPECT_TRUE(at::equal(Copied(store, 0, 40), NumberedRows(0, 40, kWidth)));
  EXPECT_FALSE(store.larger_than_memory());
}

TEST_P(RowStoreTest, LongRowsAreConvertedInPieces) {
  const at::Tensor rows = NumberedRows(0, 3, 20'000).remainder(251).to(GetParam());
  const RowShard shard = WriteShard(folder_.File("long"), rows);
  EXPECT_TRUE(at::equal(Copied(RowStore({shard}, shard.format()), 0, 3), rows.to(at::kFloat)));
}

INSTANTIATE_TEST_SUITE_P(Types, RowStoreTest, ::testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& param) { return c10::toString(param.param); });

TEST(RowStoreErrorsTest, NoShardsAreNoRows) {
  const RowStore store({}, {kWidth, TensorType::kF32});
  EXPECT_EQ(store.rows(), 0);
  EXPECT_TRUE(store.CopyRows(0, 0, 1, nullptr).ok());
}

TEST(RowStoreErrorsTest, FileThatIsCutOffInUseIsDataLossAndNamed) {
  TemporaryFolder folder;
  const std::string path = folder.File("rows");
  const RowShard shard = WriteShard(path, NumberedRows(0, 100, kWidth));
  const RowStore store({shard}, shard.format());
  ASSERT_EQ(truncate(path.c_str(), 600), 0);
  std::vector<float> row(kWidth);
  EXPECT_TRUE(store.CopyRows(0, 1, 1, row.data()).ok());
  const absl::Status status = store.CopyRows(99, 1, 1, row.data());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

TEST(RowStoreErrorsTest, RowsOutliveTheFilesName) {
  TemporaryFolder folder;
  const RowShard shard = WriteShard(folder.File("rows"), NumberedRows(0, 4, kWidth));
  ASSERT_EQ(unlink(folder.File("rows").c_str()), 0);
  EXPECT_TRUE(at::equal(Copied(RowStore({shard}, shard.format()), 0, 4), NumberedRows(0, 4, kWidth)));
}

}  // namespace
}  // namespace seedbed
