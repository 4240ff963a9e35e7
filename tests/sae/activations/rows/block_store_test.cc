#include "sae/activations/rows/block_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <utility>
#include <vector>

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

constexpr int64_t kWidth = 4;
constexpr int64_t kBlockRows[] = {10, 0, 7};  // A block may have nothing but excluded rows.
constexpr int64_t kBlocks = 3;
constexpr int64_t kRows = 17;

class BlockStoreTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  BlockStoreTest() {
    EXPECT_TRUE(MakeFolders(scratch()).ok());
    options_.scratch_dir = scratch();
    options_.keep = true;
    options_.hookpoints = {"layers.1", "layers.1.mlp"};
    options_.width = kWidth;
    options_.blocks = kBlocks;
    options_.rows = kRows;
  }

  std::string scratch() const { return folder_.File("scratch"); }
  std::string Shard(int64_t block, const std::string& hookpoint) const {
    return folder_.File(
        absl::StrCat("cache/", std::string(64, 'a'), "/", hookpoint, "/block-00000", block, ".safetensors"));
  }
  void UseCache(int64_t max_bytes = int64_t{1} << 40) {
    options_.caches = {RowCacheOptions{folder_.File("cache"), max_bytes, std::string(64, 'a'), "{}"}};
  }

  // By hosted hookpoint; the second's rows are the first's and 20.
  std::vector<at::Tensor> Block(int64_t block) const {
    const int64_t first = std::accumulate(kBlockRows, kBlockRows + block, int64_t{0});
    std::vector<at::Tensor> rows;
    for (size_t h = 0; h < options_.hookpoints.size(); ++h) {
      rows.push_back(NumberedRows(first + 20 * static_cast<int64_t>(h), kBlockRows[block], kWidth, options_.dtype));
    }
    return rows;
  }

  std::unique_ptr<BlockStore> Open() const {
    absl::StatusOr<std::unique_ptr<BlockStore>> store = BlockStore::Open(options_);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  void WriteMissing(BlockStore* store) const {
    for (int64_t b = 0; b < kBlocks; ++b) {
      if (store->HasBlock(b)) continue;
      const absl::Status status = store->WriteBlock(b, Block(b));
      EXPECT_TRUE(status.ok()) << status;
    }
  }

  void ExpectBlock(const BlockStore& store, int64_t block) const {
    ASSERT_TRUE(store.HasBlock(block));
    EXPECT_EQ(store.BlockRows(block), kBlockRows[block]);
    std::vector<at::Tensor> rows;
    ASSERT_TRUE(store.ReadBlock(block, &rows).ok());
    ASSERT_EQ(rows.size(), options_.hookpoints.size());
    for (size_t h = 0; h < rows.size(); ++h) {
      EXPECT_EQ(rows[h].scalar_type(), options_.dtype);
      EXPECT_TRUE(at::equal(rows[h], Block(block)[h])) << block << " " << h;
    }
  }

  // All blocks, and all rows as later epochs read them.
  void ExpectAll(BlockStore* store) const {
    for (int64_t b = 0; b < kBlocks; ++b) ExpectBlock(*store, b);
    const absl::StatusOr<std::vector<RowStore>> stores = store->Finish();
    ASSERT_TRUE(stores.ok()) << stores.status();
    ASSERT_EQ(stores->size(), options_.hookpoints.size());
    for (size_t h = 0; h < stores->size(); ++h) {
      at::Tensor rows = at::empty({kRows, kWidth}, at::kFloat);
      ASSERT_TRUE((*stores)[h].CopyRows(0, kRows, 1, rows.data_ptr<float>()).ok());
      EXPECT_TRUE(at::equal(rows, NumberedRows(20 * static_cast<int64_t>(h), kRows, kWidth)));
    }
  }

  TemporaryFolder folder_;
  BlockStoreOptions options_;
};

TEST_P(BlockStoreTest, ScratchGivesRowsBack) {
  options_.dtype = GetParam();
  const auto store = Open();
  EXPECT_FALSE(store->HasBlock(0));
  WriteMissing(store.get());
  ExpectAll(store.get());
  EXPECT_EQ(store->rows_from_cache(), 0);
}

TEST_P(BlockStoreTest, CacheGivesRowsBackAtOnceAndLater) {
  options_.dtype = GetParam();
  UseCache();
  {
    const auto store = Open();
    WriteMissing(store.get());
    ExpectAll(store.get());
  }
  const auto store = Open();
  EXPECT_EQ(store->rows_from_cache(), kRows);
  ExpectAll(store.get());
  EXPECT_TRUE(std::filesystem::is_empty(scratch()));
}

INSTANTIATE_TEST_SUITE_P(Types, BlockStoreTest, ::testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& param) { return c10::toString(param.param); });

TEST_F(BlockStoreTest, ScratchIsReservedBeforeAnythingIsComputed) {
  const auto store = Open();
  EXPECT_EQ(std::filesystem::file_size(JoinPath(scratch(), "layers.1.mlp.f32")), kRows * kWidth * 4);
}

TEST_F(BlockStoreTest, ScratchIsRawRowsInOrder) {
  const auto store = Open();
  WriteMissing(store.get());
  ASSERT_TRUE(store->Finish().ok());
  const absl::StatusOr<std::string> bytes = ReadFile(JoinPath(scratch(), "layers.1.f32"));
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(*bytes, BytesOf(NumberedRows(0, kRows, kWidth)));
}

TEST_F(BlockStoreTest, UnfinishedScratchIsRemoved) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->WriteBlock(0, Block(0)).ok());
    EXPECT_FALSE(std::filesystem::is_empty(scratch()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(scratch()));
}

TEST_F(BlockStoreTest, WithOneEpochAndNoCacheNothingIsKept) {
  options_.keep = false;
  const auto store = Open();
  WriteMissing(store.get());
  EXPECT_FALSE(store->HasBlock(0));
  EXPECT_TRUE(std::filesystem::is_empty(scratch()));
  EXPECT_EQ(store->Finish().status().code(), absl::StatusCode::kInternal);
}

TEST_F(BlockStoreTest, WithOneEpochTheCacheIsWritten) {
  options_.keep = false;
  UseCache();
  WriteMissing(Open().get());
  EXPECT_EQ(Open()->rows_from_cache(), kRows);
  EXPECT_TRUE(std::filesystem::is_empty(scratch()));
}

TEST_F(BlockStoreTest, CacheThatFillsUpLeavesTheRestToScratch) {
  UseCache(500);  // Room for the first block of one hookpoint.
  {
    const auto store = Open();
    EXPECT_FALSE(std::filesystem::is_empty(scratch()));
    WriteMissing(store.get());
    ExpectAll(store.get());
  }
  EXPECT_FALSE(Open()->HasBlock(2));
}

TEST_F(BlockStoreTest, DamagedShardIsWrittenAgain) {
  UseCache();
  WriteMissing(Open().get());
  DamageByte(Shard(2, "layers.1.mlp"), 3);
  {
    const auto store = Open();
    EXPECT_EQ(store->shards_refused(), 1);
    EXPECT_EQ(store->rows_from_cache(), kRows - kBlockRows[2]);
    EXPECT_TRUE(store->HasBlock(0));
    EXPECT_FALSE(store->HasBlock(2));
    WriteMissing(store.get());
    ExpectAll(store.get());
  }
  const auto store = Open();
  EXPECT_EQ(store->shards_refused(), 0);
  ExpectAll(store.get());
}

TEST_F(BlockStoreTest, HookpointThatIsHostedForTheFirstTimeIsAddedToTheCache) {
  UseCache();
  options_.hookpoints = {"layers.1"};
  WriteMissing(Open().get());
  struct stat before;
  ASSERT_EQ(stat(Shard(0, "layers.1").c_str(), &before), 0);
  options_.hookpoints = {"layers.1", "layers.1.mlp"};
  const auto store = Open();
  EXPECT_FALSE(store->HasBlock(0));
  WriteMissing(store.get());
  ExpectAll(store.get());
  struct stat after;
  ASSERT_EQ(stat(Shard(0, "layers.1").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(BlockStoreTest, HookpointsThatDisagreeAboutABlockAreHarvestedAgain) {
  UseCache();
  options_.blocks = 1;
  options_.hookpoints = {"layers.1.mlp"};
  ASSERT_TRUE(Open()->WriteBlock(0, {NumberedRows(0, 3, kWidth)}).ok());
  options_.hookpoints = {"layers.1"};
  ASSERT_TRUE(Open()->WriteBlock(0, Block(0)).ok());
  options_.hookpoints = {"layers.1", "layers.1.mlp"};
  const auto store = Open();
  EXPECT_FALSE(store->HasBlock(0));
  ASSERT_TRUE(store->WriteBlock(0, Block(0)).ok());
  ExpectBlock(*store, 0);
}

TEST_F(BlockStoreTest, ReadingUsesMemoryAgain) {
  const auto store = Open();
  WriteMissing(store.get());
  std::vector<at::Tensor> rows;
  ASSERT_TRUE(store->ReadBlock(0, &rows).ok());
  const void* address = rows[0].const_data_ptr();
  ASSERT_TRUE(store->ReadBlock(2, &rows).ok());
  EXPECT_EQ(rows[0].const_data_ptr(), address);
  EXPECT_TRUE(at::equal(rows[0], Block(2)[0]));
}

TEST_F(BlockStoreTest, ReadsPartsOfABlock) {
  const auto store = Open();
  WriteMissing(store.get());
  std::vector<at::Tensor> rows;
  for (int64_t first = 0; first <= 10; ++first) {
    ASSERT_TRUE(store->ReadRows(0, first, 10 - first, &rows).ok());
    for (size_t h = 0; h < rows.size(); ++h) EXPECT_TRUE(at::equal(rows[h], Block(0)[h].slice(0, first))) << first;
  }
}

TEST_F(BlockStoreTest, LargeBlocksAreReadWhole) {
  options_.hookpoints = {"layers.1"};
  options_.width = 3000;  // Several pieces of 349 rows and a part of one.
  options_.blocks = 1;
  options_.rows = 1000;
  const at::Tensor written = NumberedRows(0, 1000, 3000);
  const auto store = Open();
  ASSERT_TRUE(store->WriteBlock(0, {written}).ok());
  std::vector<at::Tensor> rows;
  ASSERT_TRUE(store->ReadBlock(0, &rows).ok());
  EXPECT_TRUE(at::equal(rows[0], written));
}

TEST_F(BlockStoreTest, RankThatHostsNothingHasEveryBlock) {
  UseCache();
  options_.hookpoints.clear();
  const auto store = Open();
  EXPECT_TRUE(store->HasBlock(2));
  EXPECT_EQ(store->BlockRows(2), 0);
  ASSERT_TRUE(store->WriteBlock(2, {}).ok());
  const absl::StatusOr<std::vector<RowStore>> stores = store->Finish();
  ASSERT_TRUE(stores.ok());
  EXPECT_TRUE(stores->empty());
  EXPECT_FALSE(PathExists(folder_.File("cache")));
}

TEST_F(BlockStoreTest, FullScratchIsResourceExhaustedAndNamesTheFile) {
  const std::string path = JoinPath(scratch(), "layers.1.f32");
  ASSERT_EQ(symlink("/dev/full", path.c_str()), 0);
  const auto store = Open();
  const absl::Status status = store->WriteBlock(0, Block(0));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

TEST_F(BlockStoreTest, RowsOfAnotherShapeOrTypeAreRefused) {
  const auto store = Open();
  std::vector<at::Tensor> rows = Block(0);
  rows[1] = NumberedRows(0, 9, kWidth);
  EXPECT_EQ(store->WriteBlock(0, rows).code(), absl::StatusCode::kInternal);
  rows[1] = NumberedRows(0, 10, kWidth + 1);
  EXPECT_EQ(store->WriteBlock(0, rows).code(), absl::StatusCode::kInternal);
  rows[1] = NumberedRows(0, 10, kWidth, at::kHalf);
  EXPECT_EQ(store->WriteBlock(0, rows).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store->WriteBlock(kBlocks, Block(0)).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store->WriteBlock(0, {}).code(), absl::StatusCode::kInternal);
}

TEST_F(BlockStoreTest, MissingBlockIsFoundAtTheEnd) {
  const auto store = Open();
  ASSERT_TRUE(store->WriteBlock(0, Block(0)).ok());
  EXPECT_EQ(store->Finish().status().code(), absl::StatusCode::kInternal);
}

TEST_F(BlockStoreTest, OptionsAreChecked) {
  for (const char* hookpoint : {"", ".", "..", "a/b", "layers.1"}) {
    options_.hookpoints = {"layers.1", hookpoint};
    EXPECT_EQ(BlockStore::Open(options_).status().code(), absl::StatusCode::kInvalidArgument) << hookpoint;
  }
  options_.hookpoints = {"layers.1"};
  options_.dtype = at::kDouble;
  EXPECT_EQ(BlockStore::Open(options_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace seedbed
