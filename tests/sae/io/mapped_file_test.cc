#include "sae/io/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <utility>

#include "tests/common/testing.h"
#include "tests/sae/io/test_files.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

TEST(MappedFile, NamesAMissingFile) {
  const TempFolder folder;
  const auto file = MappedFile::Open(folder.Path("absent"));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(file.status().message(), HasSubstr(folder.Path("absent")));
}

TEST(MappedFile, RefusesAFolder) {
  const TempFolder folder;
  const auto file = MappedFile::Open(folder.path());
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(file.status().message(), HasSubstr("is a folder"));
}

TEST(MappedFile, RefusesANamedPipeWithoutWaitingForAWriter) {
  const TempFolder folder;
  ASSERT_EQ(mkfifo(folder.Path("pipe").c_str(), 0600), 0);
  const auto file = MappedFile::Open(folder.Path("pipe"));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(file.status().message(), HasSubstr("not a regular file"));
}

TEST(MappedFile, AnEmptyFileIsAnEmptyView) {
  const TempFolder folder;
  const auto file = MappedFile::Open(WriteTestFile(folder.Path("empty"), ""));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, ViewsOutliveMoves) {
  const TempFolder folder;
  auto file = MappedFile::Open(WriteTestFile(folder.Path("text"), "seven"));
  ASSERT_TRUE(file.ok()) << file.status();
  const absl::string_view view = file->bytes();
  MappedFile constructed(*std::move(file));
  MappedFile assigned;
  assigned = std::move(constructed);
  EXPECT_EQ(assigned.bytes().data(), view.data());
  EXPECT_EQ(view, "seven");
}

}  // namespace
}  // namespace seedbed
