#include "sae/activations/rows/scratch_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr RowFormat kFormat = {3, TensorType::kF32};

TEST(ScratchFileTest, GivesBackTheRowsThatWereAppended) {
  TemporaryFolder folder;
  absl::StatusOr<ScratchFile> file = ScratchFile::Create(folder.File("rows"), 5, kFormat);
  ASSERT_TRUE(file.ok()) << file.status();
  for (const int64_t rows : {2, 0, 30}) {  // More than were reserved.
    const at::Tensor written = NumberedRows(rows, rows, 3);
    const absl::StatusOr<RowShard> shard = file->Append(BytesOf(written));
    ASSERT_TRUE(shard.ok()) << shard.status();
    ASSERT_EQ(shard->rows(), rows);
    std::vector<float> read(static_cast<size_t>(3 * rows));
    ASSERT_TRUE(shard->Read(0, 3 * rows, read.data()).ok());
    EXPECT_EQ(std::memcmp(read.data(), written.const_data_ptr(), written.nbytes()), 0);
  }
}

TEST(ScratchFileTest, ReservesThePlaceOfItsRows) {
  TemporaryFolder folder;
  const absl::StatusOr<ScratchFile> file = ScratchFile::Create(folder.File("rows"), 1000, kFormat);
  ASSERT_TRUE(file.ok()) << file.status();
  struct stat info;
  ASSERT_EQ(stat(folder.File("rows").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 12'000);
}

TEST(ScratchFileTest, MissingFolderIsNamed) {
  const absl::Status status = ScratchFile::Create("/nonexistent/folder/rows", 1, kFormat).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/folder/rows"));
}

TEST(ScratchFileTest, FullDiskIsResourceExhaustedAndNamesTheFile) {
  TemporaryFolder folder;
  ASSERT_EQ(symlink("/dev/full", folder.File("rows").c_str()), 0);
  absl::StatusOr<ScratchFile> file = ScratchFile::Create(folder.File("rows"), 4, kFormat);
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::Status status = file->Append(BytesOf(NumberedRows(0, 4, 3))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder.File("rows")));
}

// As a user with a quota sees it. The limit would outlive the test in this process, so a child takes it.
TEST(ScratchFileDeathTest, LimitOnFileSizeIsFoundBeforeAnythingIsComputed) {
  TemporaryFolder folder;
  const auto create = [&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status status = ScratchFile::Create(folder.File("rows"), 1 << 20, kFormat).status();
    _exit(status.code() == absl::StatusCode::kResourceExhausted && !PathExists(folder.File("rows")) ? 7 : 8);
  };
  EXPECT_EXIT(create(), ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace seedbed
