#include "sae/activations/spool.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>

#include "ATen/ops/arange.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

TEST(SpoolTest, GivesBackTheRowsThatWereWritten) {
  TemporaryFolder folder;
  const at::Tensor rows = at::arange(50 * 3, at::kFloat).view({50, 3});
  absl::StatusOr<SpoolWriter> writer = SpoolWriter::Create(folder.File("spool"), 50, 3);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Append(rows.narrow(0, 0, 20)).ok());
  ASSERT_TRUE(writer->Append(rows.narrow(0, 20, 0)).ok());
  ASSERT_TRUE(writer->Append(rows.narrow(0, 20, 30)).ok());
  const absl::StatusOr<SpooledRows> spool = writer->Finish();
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_EQ(spool->rows(), 50);
  for (int64_t row = 0; row < 50; ++row) {
    spool->Prefetch(row);
    EXPECT_EQ(std::memcmp(spool->Row(row), rows.const_data_ptr<float>() + row * 3, 3 * sizeof(float)), 0) << row;
  }
}

TEST(SpoolTest, MissingRowsAreFoundAtTheEnd) {
  TemporaryFolder folder;
  absl::StatusOr<SpoolWriter> writer = SpoolWriter::Create(folder.File("spool"), 50, 3);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(writer->Finish().status().code(), absl::StatusCode::kInternal);
}

TEST(SpoolTest, MissingFolderIsNamed) {
  const absl::Status status = SpoolWriter::Create("/nonexistent/folder/spool", 1, 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/folder/spool"));
}

TEST(SpoolTest, FullDiskIsResourceExhaustedAndNamesTheFile) {
  TemporaryFolder folder;
  ASSERT_EQ(symlink("/dev/full", folder.File("spool").c_str()), 0);
  absl::StatusOr<SpoolWriter> writer = SpoolWriter::Create(folder.File("spool"), 4, 3);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const absl::Status status = writer->Append(at::arange(12, at::kFloat).view({4, 3}));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(folder.File("spool")));
}

// As a user with a quota sees it. The limit would outlive the test in this process, so a child takes it.
TEST(SpoolDeathTest, LimitOnFileSizeIsFoundBeforeAnythingIsComputed) {
  TemporaryFolder folder;
  const auto create = [&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1 << 16, 1 << 16};
    setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status status = SpoolWriter::Create(folder.File("spool"), 1 << 20, 4).status();
    _exit(status.code() == absl::StatusCode::kResourceExhausted && !PathExists(folder.File("spool")) ? 7 : 8);
  };
  EXPECT_EXIT(create(), ::testing::ExitedWithCode(7), "");
}

TEST(SpoolTest, UnfinishedFileIsRemoved) {
  TemporaryFolder folder;
  {
    absl::StatusOr<SpoolWriter> writer = SpoolWriter::Create(folder.File("spool"), 4, 3);
    ASSERT_TRUE(writer.ok());
    EXPECT_TRUE(PathExists(folder.File("spool")));
  }
  EXPECT_FALSE(PathExists(folder.File("spool")));
}

}  // namespace
}  // namespace seedbed
