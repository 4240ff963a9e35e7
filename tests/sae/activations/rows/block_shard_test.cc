#include "sae/activations/rows/block_shard.h"

#include <cstdio>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr RowFormat kFormat = {3, TensorType::kF32};

class BlockShardTest : public ::testing::Test {
 protected:
  BlockShardTest() {
    const absl::StatusOr<std::string> prefix = BlockShardPrefix(id_, kFormat, BytesOf(rows_));
    EXPECT_TRUE(prefix.ok()) << prefix.status();
    bytes_ = *prefix + std::string(BytesOf(rows_));
  }

  absl::StatusOr<RowShard> Open(const std::string& bytes) const {
    std::remove(path_.c_str());  // ext4 waits for the disk when a file is written over.
    std::ofstream(path_, std::ios::binary) << bytes;
    return OpenBlockShard(path_, id_, kFormat, std::nullopt);
  }

  void ExpectSameRows(const RowShard& shard) const {
    ASSERT_EQ(shard.rows(), rows_.size(0));
    std::string read(rows_.nbytes(), '\0');
    ASSERT_TRUE(shard.Read(0, rows_.numel(), read.data()).ok());
    EXPECT_EQ(read, BytesOf(rows_));
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.File("shard");
  const BlockShardId id_ = {std::string(64, 'a'), "layers.1", 12};
  const at::Tensor rows_ = NumberedRows(0, 5, kFormat.width);
  std::string bytes_;
};

TEST_F(BlockShardTest, IsFoundWhole) {
  const absl::StatusOr<RowShard> shard = Open(bytes_);
  ASSERT_TRUE(shard.ok()) << shard.status();
  ExpectSameRows(*shard);
  EXPECT_EQ(BlockShardName(12), "block-000012.safetensors");
  EXPECT_EQ(BlockShardName(12'345'678), "block-12345678.safetensors");
}

TEST_F(BlockShardTest, MissingFileIsNotFound) {
  EXPECT_EQ(OpenBlockShard(path_, id_, kFormat, std::nullopt).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BlockShardTest, EveryTruncationIsRefusedAndNamed) {
  for (size_t length = 0; length < bytes_.size(); ++length) {
    const absl::Status status = Open(bytes_.substr(0, length)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << length;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_)) << length;
  }
}

// A bit of the padding behind the header may go unseen, one of the rows never.
TEST_F(BlockShardTest, NoDamagedBitGivesOtherRows) {
  int unseen = 0;
  for (size_t i = 0; i < bytes_.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes_;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const absl::StatusOr<RowShard> shard = Open(damaged);
      if (shard.ok()) {
        ++unseen;
        ExpectSameRows(*shard);
      } else {
        EXPECT_THAT(std::string(shard.status().message()), HasSubstr(path_)) << i << " " << bit;
      }
    }
  }
  EXPECT_LT(unseen, 8);  // Of the at most 7 bytes of padding, a bit each.
}

}  // namespace
}  // namespace seedbed
