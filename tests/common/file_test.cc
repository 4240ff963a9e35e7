#include "common/file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// Runs the check as a user whom folder permissions bind.
bool AsNobody(const std::function<bool()>& check) {
  return InChild([&] {
    if (geteuid() == 0 && seteuid(65534) != 0) return false;
    return check();
  });
}

class FileTest : public testing::Test {
 protected:
  std::vector<std::string> Names() { return ListFolder(folder_.path()).value(); }
  void Make(const std::string& name, const std::string& contents) {
    ASSERT_TRUE(WriteFileDurably(folder_.Path(name), contents).ok());
  }
  TempFolder folder_;
};

TEST_F(FileTest, AFailedDurableWriteLeavesTheTargetAndNoTemporary) {
  Make("target", "old");
  EXPECT_TRUE(InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const absl::Status status = WriteFileDurably(folder_.Path("target"), std::string(100'000, 'x'));
    return !status.ok() && absl::StrContains(status.message(), folder_.Path("target"));
  }));
  EXPECT_THAT(Names(), ElementsAre("target"));
  EXPECT_EQ(ReadFile(folder_.Path("target")).value(), "old");
}

TEST_F(FileTest, ADurableWriteIntoAFolderThatIsNotWritableNamesThePath) {
  Make("target", "old");
  ASSERT_EQ(chmod(folder_.path().c_str(), 0555), 0);
  EXPECT_TRUE(AsNobody([&] {
    const absl::Status status = WriteFileDurably(folder_.Path("target"), "new");
    return absl::IsPermissionDenied(status) && absl::StrContains(status.message(), folder_.Path("target"));
  }));
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  EXPECT_THAT(Names(), ElementsAre("target"));
  EXPECT_EQ(ReadFile(folder_.Path("target")).value(), "old");
}

TEST_F(FileTest, ADurableWriteOverAFolderFailsAndLeavesNoTemporary) {
  ASSERT_TRUE(MakeFolders(folder_.Path("target")).ok());
  EXPECT_FALSE(WriteFileDurably(folder_.Path("target"), "new").ok());
  EXPECT_THAT(Names(), ElementsAre("target"));
}

TEST_F(FileTest, ADurableWriteReplacesTheContents) {
  Make("target", "a longer text");
  Make("target", "new");
  EXPECT_EQ(ReadFile(folder_.Path("target")).value(), "new");
  EXPECT_THAT(Names(), ElementsAre("target"));
}

TEST_F(FileTest, DurableWritesOfOnePathFromManyThreadsNeverMix) {
  const std::string path = folder_.Path("target");
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&path, i] {
      for (int n = 0; n < 20; ++n) EXPECT_TRUE(WriteFileDurably(path, std::string(5000 * (i + 1), 'a' + i)).ok());
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string contents = ReadFile(path).value();
  EXPECT_EQ(contents, std::string(5000 * (contents[0] - 'a' + 1), contents[0]));
  EXPECT_THAT(Names(), ElementsAre("target"));
}

TEST_F(FileTest, ReadFileRefusesAndNamesThePath) {
  Make("file", "12345");
  EXPECT_EQ(ReadFile(folder_.Path("missing")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(ReadFile(folder_.Path("missing")).status()), HasSubstr(folder_.Path("missing")));
  EXPECT_EQ(ReadFile(folder_.path()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(folder_.Path("file"), 4).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReadFile("/dev/zero", 100'000).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReadFile(folder_.Path("file"), 5).value(), "12345");
}

TEST_F(FileTest, CommitFolderThatFailsLeavesTheTarget) {
  ASSERT_TRUE(MakeFolders(folder_.Path("target")).ok());
  Make("target/kept", "old");
  EXPECT_EQ(CommitFolder(folder_.Path("missing"), folder_.Path("target")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(folder_.Path("target/kept")).value(), "old");

  ASSERT_TRUE(MakeFolders(folder_.Path("staged")).ok());
  EXPECT_FALSE(CommitFolder(folder_.Path("staged"), folder_.Path("no/such/parent")).ok());
  EXPECT_TRUE(PathExists(folder_.Path("staged")));
}

TEST_F(FileTest, CommitFolderMakesAndReplaces) {
  ASSERT_TRUE(MakeFolders(folder_.Path("staged")).ok());
  Make("staged/a", "1");
  ASSERT_TRUE(CommitFolder(folder_.Path("staged"), folder_.Path("target")).ok());
  EXPECT_THAT(Names(), ElementsAre("target"));

  ASSERT_TRUE(MakeFolders(folder_.Path("staged")).ok());
  Make("staged/b", "2");
  ASSERT_TRUE(CommitFolder(folder_.Path("staged"), folder_.Path("target")).ok());
  EXPECT_THAT(Names(), ElementsAre("target"));
  EXPECT_THAT(ListFolder(folder_.Path("target")).value(), ElementsAre("b"));
}

TEST_F(FileTest, MakeFoldersRefusesAFileInTheWay) {
  Make("file", "");
  EXPECT_FALSE(MakeFolders(folder_.Path("file")).ok());
  EXPECT_FALSE(MakeFolders(folder_.Path("file/below")).ok());
  EXPECT_TRUE(MakeFolders(folder_.Path("a/b/c")).ok());
  EXPECT_TRUE(MakeFolders(folder_.Path("a/b/c")).ok());
}

TEST_F(FileTest, RemoveAllDoesNotFollowLinks) {
  ASSERT_TRUE(MakeFolders(folder_.Path("kept")).ok());
  Make("kept/file", "1");
  ASSERT_TRUE(MakeFolders(folder_.Path("gone")).ok());
  ASSERT_EQ(symlink(folder_.Path("kept").c_str(), folder_.Path("gone/link").c_str()), 0);
  EXPECT_TRUE(RemoveAll(folder_.Path("gone")).ok());
  EXPECT_TRUE(RemoveAll(folder_.Path("gone")).ok());
  EXPECT_THAT(ListFolder(folder_.Path("kept")).value(), ElementsAre("file"));
}

TEST_F(FileTest, ListFolderIsSortedAndNamesWhatIsMissing) {
  EXPECT_THAT(Names(), IsEmpty());
  for (const char* name : {"b", "a", ".hidden"}) Make(name, "");
  EXPECT_THAT(Names(), ElementsAre(".hidden", "a", "b"));
  const absl::Status missing = ListFolder(folder_.Path("missing")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr(folder_.Path("missing")));
}

TEST_F(FileTest, CheckFolderWritableLeavesNothing) {
  EXPECT_TRUE(CheckFolderWritable(folder_.path()).ok());
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(Message(CheckFolderWritable(folder_.Path("missing"))), HasSubstr("is not writable"));
  ASSERT_EQ(chmod(folder_.path().c_str(), 0555), 0);
  EXPECT_TRUE(AsNobody([&] { return absl::IsPermissionDenied(CheckFolderWritable(folder_.path())); }));
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
}

TEST_F(FileTest, PathExistsSeesADanglingLink) {
  ASSERT_EQ(symlink("nowhere", folder_.Path("link").c_str()), 0);
  EXPECT_TRUE(PathExists(folder_.Path("link")));
  EXPECT_FALSE(PathExists(folder_.Path("missing")));
}

TEST_F(FileTest, ALockIsRefusedToASecondProcessUntilItIsGone) {
  const std::string path = folder_.Path("lock");
  {
    const auto held = FileLock::Acquire(path);
    ASSERT_TRUE(held.ok()) << held.status();
    EXPECT_TRUE(InChild([&] { return absl::IsFailedPrecondition(FileLock::Acquire(path).status()); }));
  }
  EXPECT_TRUE(InChild([&] { return FileLock::Acquire(path).ok(); }));
  EXPECT_EQ(FileLock::Acquire(folder_.Path("no/lock")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileTest, ALockMovesWithItsOwner) {
  const std::string path = folder_.Path("lock");
  FileLock first = FileLock::Acquire(path).value();
  FileLock second = std::move(first);
  EXPECT_TRUE(absl::IsFailedPrecondition(FileLock::Acquire(path).status()));
  second = FileLock::Acquire(folder_.Path("other")).value();
  EXPECT_TRUE(FileLock::Acquire(path).ok());
}

}  // namespace
}  // namespace seedbed
