#include "sae/activations/rows/row_cache.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/rows/cache_room.h"
#include "sae/activations/rows/file_claim.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr RowFormat kFormat = {4, TensorType::kF32};
constexpr int64_t kManyBytes = int64_t{1} << 40;
constexpr int64_t kBlockRows = 100;

std::string KeyOf(char digit) { return std::string(64, digit); }

// Rows of a block that no other block has.
at::Tensor RowsOf(int64_t block, int64_t rows = kBlockRows) { return NumberedRows(1000 * block, rows, kFormat.width); }

class RowCacheTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<RowCache>> TryToOpen(char key, int64_t max_bytes = kManyBytes,
                                                      RowFormat format = kFormat) const {
    return RowCache::Open({folder_.path(), max_bytes, KeyOf(key), "{}"}, format);
  }

  std::unique_ptr<RowCache> Open(char key, int64_t max_bytes = kManyBytes, RowFormat format = kFormat) const {
    absl::StatusOr<std::unique_ptr<RowCache>> cache = TryToOpen(key, max_bytes, format);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }

  std::string Shard(char key, int64_t block, const std::string& hookpoint = "layers.1") const {
    return JoinPath(folder_.path(), absl::StrCat(KeyOf(key), "/", hookpoint, "/block-00000", block, ".safetensors"));
  }

  // Blocks 0..blocks-1 of "layers.1".
  void Fill(char key, int64_t blocks) const {
    const auto cache = Open(key);
    for (int64_t b = 0; b < blocks; ++b) ASSERT_TRUE(cache->Keep("layers.1", b, BytesOf(RowsOf(b)))) << b;
  }

  // Opens the cache anew: what it then says about block 0, which is not there.
  std::string Refusal(char key, RowFormat format = kFormat, std::optional<int64_t> rows = std::nullopt) const {
    const auto cache = Open(key, kManyBytes, format);
    testing::internal::CaptureStderr();
    EXPECT_FALSE(cache->Find("layers.1", 0, rows));
    EXPECT_EQ(cache->shards_refused(), 1);
    EXPECT_FALSE(PathExists(Shard(key, 0)));
    return testing::internal::GetCapturedStderr();
  }

  void SetLastUse(char key, int64_t seconds) const {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, folder_.File(KeyOf(key)).c_str(), times, 0), 0);
  }

  TemporaryFolder folder_;
};

void ExpectRows(const std::optional<RowShard>& shard, const at::Tensor& rows) {
  ASSERT_TRUE(shard);
  ASSERT_EQ(shard->rows(), rows.size(0));
  std::vector<float> read(static_cast<size_t>(rows.numel()));
  ASSERT_TRUE(shard->Read(0, rows.numel(), read.data()).ok());
  EXPECT_EQ(absl::string_view(reinterpret_cast<const char*>(read.data()), rows.nbytes()), BytesOf(rows));
}

TEST_F(RowCacheTest, KeptRowsAreReadAtOnceAndFoundLater) {
  {
    const auto cache = Open('a');
    EXPECT_FALSE(cache->Find("layers.1", 3, std::nullopt));
    ExpectRows(cache->Keep("layers.1", 3, BytesOf(RowsOf(3))), RowsOf(3));
  }
  const auto cache = Open('a');
  ExpectRows(cache->Find("layers.1", 3, kBlockRows), RowsOf(3));
  EXPECT_FALSE(cache->Find("layers.2", 3, std::nullopt));
  EXPECT_FALSE(cache->Find("layers.1", 2, std::nullopt));
  EXPECT_EQ(cache->shards_refused(), 0);
}

TEST_F(RowCacheTest, ShardsAreSafetensorsForEverybody) {
  Fill('a', 1);
  const absl::StatusOr<SafetensorsFile> file = SafetensorsFile::Open(Shard('a', 0));
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::StatusOr<TensorView> rows = file->Find("activations");
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->bytes, BytesOf(RowsOf(0)));
  EXPECT_EQ(file->metadata().at("stream_key"), KeyOf('a'));
  EXPECT_EQ(file->metadata().at("hookpoint"), "layers.1");
  EXPECT_EQ(file->metadata().at("block"), "0");
}

TEST_F(RowCacheTest, DamagedShardIsNamedAndRemoved) {
  Fill('a', 1);
  DamageByte(Shard('a', 0), 17);
  EXPECT_THAT(Refusal('a'), AllOf(HasSubstr(Shard('a', 0)), HasSubstr("damaged"), HasSubstr("\"warning\"")));
}

TEST_F(RowCacheTest, TruncatedShardIsNamedAndRemoved) {
  for (const int64_t bytes : {0, 5, 100, 700}) {
    Fill('a', 1);
    ASSERT_EQ(truncate(Shard('a', 0).c_str(), bytes), 0);
    EXPECT_THAT(Refusal('a'), HasSubstr(Shard('a', 0)));
  }
}

TEST_F(RowCacheTest, ShardOfAnotherStreamIsNamedAndRemoved) {
  Fill('a', 1);
  Fill('b', 1);
  std::filesystem::copy(Shard('a', 0), Shard('b', 0), std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(Refusal('b'), AllOf(HasSubstr("stream_key"), HasSubstr(KeyOf('a'))));
}

TEST_F(RowCacheTest, ShardOfAnotherBlockIsNamedAndRemoved) {
  Fill('a', 2);
  ASSERT_EQ(rename(Shard('a', 1).c_str(), Shard('a', 0).c_str()), 0);
  EXPECT_THAT(Refusal('a'), HasSubstr("is of block"));
}

TEST_F(RowCacheTest, ShardOfAnotherProgramIsNamedAndRemoved) {
  Fill('a', 1);
  WriteTensors(Shard('a', 0), {{"activations", RowsOf(0)}});
  EXPECT_THAT(Refusal('a'), HasSubstr("lacks the metadata"));
}

TEST_F(RowCacheTest, ShardOfAnotherShapeIsNamedAndRemoved) {
  Fill('a', 1);
  EXPECT_THAT(Refusal('a', {5, TensorType::kF32}), HasSubstr("F32 [rows, 5] is needed"));
  Fill('a', 1);
  EXPECT_THAT(Refusal('a', {4, TensorType::kBF16}), HasSubstr("BF16 [rows, 4] is needed"));
  Fill('a', 1);
  EXPECT_THAT(Refusal('a', kFormat, 99), HasSubstr("F32 [99, 4] is needed"));
}

TEST_F(RowCacheTest, ShardThatCannotBeOpenedIsLeftAlone) {
  const auto cache = Open('a');
  ASSERT_TRUE(MakeFolders(JoinPath(folder_.path(), KeyOf('a') + "/layers.1")).ok());
  ASSERT_EQ(symlink(Shard('a', 0).c_str(), Shard('a', 0).c_str()), 0);  // A loop: ELOOP.
  EXPECT_FALSE(cache->Find("layers.1", 0, std::nullopt));
  EXPECT_TRUE(PathExists(Shard('a', 0)));
}

TEST_F(RowCacheTest, OtherFactsAreAnErrorThatNamesTheFile) {
  Open('a');
  const absl::Status status =
      RowCache::Open({folder_.path(), kManyBytes, KeyOf('a'), R"({"model": "another"})"}, kFormat).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder_.File(KeyOf('a') + "/stream.json")));
}

TEST_F(RowCacheTest, KeyMustBeOne) {
  for (const std::string& key : {std::string(), std::string("../up"), std::string(64, 'G'), std::string(63, 'a')}) {
    EXPECT_EQ(RowCache::Open({folder_.path(), kManyBytes, key, "{}"}, kFormat).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(RowCacheTest, StreamThatIsTooLargeKeepsItsFirstBlocks) {
  const auto cache = Open('a', 4000);  // A block takes 1,600 bytes of rows.
  EXPECT_TRUE(cache->Keep("layers.1", 0, BytesOf(RowsOf(0))));
  EXPECT_TRUE(cache->Keep("layers.1", 1, BytesOf(RowsOf(1))));
  testing::internal::CaptureStderr();
  EXPECT_FALSE(cache->Keep("layers.1", 2, BytesOf(RowsOf(2))));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("max_bytes"));
  EXPECT_FALSE(cache->keeps_rows());
  EXPECT_FALSE(cache->Keep("layers.1", 3, BytesOf(RowsOf(3, 1))));  // Though it is small enough.
  EXPECT_LE(BytesUnder(folder_.path()), 4000);
  ExpectRows(Open('a')->Find("layers.1", 1, std::nullopt), RowsOf(1));
}

TEST_F(RowCacheTest, StreamUsedLongestAgoMakesRoom) {
  for (const char key : {'a', 'b', 'c'}) Fill(key, 2);
  SetLastUse('a', 2000);
  SetLastUse('b', 1000);
  SetLastUse('c', 3000);
  const auto cache = Open('d', BytesUnder(folder_.path()) + 100);
  EXPECT_TRUE(cache->Keep("layers.1", 0, BytesOf(RowsOf(0))));
  EXPECT_TRUE(PathExists(folder_.File(KeyOf('a'))));
  EXPECT_FALSE(PathExists(folder_.File(KeyOf('b'))));
  EXPECT_TRUE(PathExists(folder_.File(KeyOf('c'))));
}

TEST_F(RowCacheTest, OpeningAStreamUsesIt) {
  Fill('a', 1);
  Fill('b', 1);
  SetLastUse('a', 1000);
  SetLastUse('b', 2000);
  Open('a');
  const auto cache = Open('c', BytesUnder(folder_.path()) + 100);
  EXPECT_TRUE(cache->Keep("layers.1", 0, BytesOf(RowsOf(0))));
  EXPECT_TRUE(PathExists(folder_.File(KeyOf('a'))));
  EXPECT_FALSE(PathExists(folder_.File(KeyOf('b'))));
}

TEST_F(RowCacheTest, StreamsInUseAndOtherPeoplesFilesMakeNoRoom) {
  const auto used = Open('a');
  ASSERT_TRUE(used->Keep("layers.1", 0, BytesOf(RowsOf(0))));
  std::ofstream(folder_.File("notes.txt")) << std::string(2000, 'x');
  ASSERT_TRUE(MakeFolders(folder_.File("mine")).ok());
  std::ofstream(folder_.File("mine/rows.bin")) << std::string(2000, 'x');
  const auto cache = Open('b', BytesUnder(folder_.path()) + 100);
  EXPECT_FALSE(cache->Keep("layers.1", 0, BytesOf(RowsOf(0))));
  ExpectRows(used->Find("layers.1", 0, std::nullopt), RowsOf(0));
  EXPECT_TRUE(PathExists(folder_.File("mine/rows.bin")));
  EXPECT_TRUE(PathExists(folder_.File("notes.txt")));
}

TEST_F(RowCacheTest, FolderThatCannotBeMadeIsAWarning) {
  std::ofstream(folder_.File("file")) << "x";
  testing::internal::CaptureStderr();
  const absl::StatusOr<std::unique_ptr<RowCache>> cache =
      RowCache::Open({folder_.File("file/cache"), kManyBytes, KeyOf('a'), "{}"}, kFormat);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), AllOf(HasSubstr("\"warning\""), HasSubstr("file/cache")));
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_FALSE((*cache)->keeps_rows());
  EXPECT_FALSE((*cache)->Keep("layers.1", 0, BytesOf(RowsOf(0))));
  EXPECT_FALSE((*cache)->Find("layers.1", 0, std::nullopt));
}

// A disk that is full, as far as this process can tell. The limit would outlive the test, so a child takes it.
TEST(RowCacheDeathTest, FullDiskIsAWarningAndLeavesNothingBehind) {
  TemporaryFolder folder;
  const auto keep = [&] {
    auto cache = RowCache::Open({folder.path(), kManyBytes, KeyOf('a'), "{}"}, kFormat);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const bool kept = (*cache)->Keep("layers.1", 0, BytesOf(RowsOf(0))).has_value();
    const auto left = ListFolder(folder.File(KeyOf('a') + "/layers.1"));
    _exit(!kept && !(*cache)->keeps_rows() && left.ok() && left->empty() ? 7 : 8);
  };
  EXPECT_EXIT(keep(), ::testing::ExitedWithCode(7), "not cached any more");
}

TEST_F(RowCacheTest, ShardThatAnotherProcessIsWritingIsLeftToIt) {
  const auto cache = Open('a');
  ASSERT_TRUE(MakeFolders(JoinPath(folder_.path(), KeyOf('a') + "/layers.1")).ok());
  {
    const auto claim = FileClaim::Take(Shard('a', 0));
    ASSERT_TRUE(claim.ok() && *claim);
    EXPECT_FALSE(cache->Keep("layers.1", 0, BytesOf(RowsOf(0))));
    EXPECT_TRUE(cache->keeps_rows());
  }
  EXPECT_TRUE(cache->Keep("layers.1", 0, BytesOf(RowsOf(0))));
}

TEST_F(RowCacheTest, WhatAProcessThatDiedLeftIsWrittenOver) {
  const auto cache = Open('a');
  ASSERT_TRUE(MakeFolders(JoinPath(folder_.path(), KeyOf('a') + "/layers.1")).ok());
  std::ofstream(Shard('a', 0) + ".tmp") << std::string(10'000, 'x');
  EXPECT_TRUE(cache->Keep("layers.1", 0, BytesOf(RowsOf(0))));
  ExpectRows(Open('a')->Find("layers.1", 0, std::nullopt), RowsOf(0));
  EXPECT_FALSE(PathExists(Shard('a', 0) + ".tmp"));
}

// Each with descriptors of its own, as processes have them.
TEST_F(RowCacheTest, WritersOfOneStreamLeaveItValid) {
  constexpr int kBlocks = 9;
  const auto write = [this] {
    const auto cache = Open('a');
    for (int64_t b = 0; b < kBlocks; ++b) {
      const std::optional<RowShard> kept = cache->Keep("layers.1", b, BytesOf(RowsOf(b)));
      if (kept) ExpectRows(kept, RowsOf(b));
      EXPECT_TRUE(cache->keeps_rows());
    }
  };
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) writers.emplace_back(write);
  for (std::thread& writer : writers) writer.join();
  const auto cache = Open('a');
  for (int64_t b = 0; b < kBlocks; ++b) ExpectRows(cache->Find("layers.1", b, kBlockRows), RowsOf(b));
  EXPECT_EQ(cache->shards_refused(), 0);
  EXPECT_EQ(ListFolder(folder_.File(KeyOf('a') + "/layers.1"))->size(), kBlocks);
}

TEST_F(RowCacheTest, WritersOfManyStreamsStayWithinTheBound) {
  constexpr int64_t kMaxBytes = 10'000;  // Not enough for two of them.
  const auto write = [this](char key) {
    for (int again = 0; again < 5; ++again) {
      const auto cache = Open(key, kMaxBytes);
      for (int64_t b = 0; b < 4; ++b) {
        if (!cache->Find("layers.1", b, kBlockRows)) cache->Keep("layers.1", b, BytesOf(RowsOf(b)));
      }
      EXPECT_EQ(cache->shards_refused(), 0);
    }
  };
  std::vector<std::thread> writers;
  for (const char key : {'a', 'b', 'c', 'd'}) writers.emplace_back(write, key);
  for (std::thread& writer : writers) writer.join();
  EXPECT_LE(BytesUnder(folder_.path()), kMaxBytes);
}

}  // namespace
}  // namespace seedbed
