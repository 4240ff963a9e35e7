#include "common/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SpawnOptions Shell(const std::string& script) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", script};
  return options;
}

std::string ReadToEnd(int fd) {
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(count));
  return text;
}

// What the script writes to its descriptor 7.
std::string OutputOf(SpawnOptions options) {
  Pipe pipe = MakePipe().value();
  options.fds.push_back({pipe.write_end.get(), 7});
  Subprocess process = Subprocess::Spawn(options).value();
  pipe.write_end.Close();
  const std::string output = ReadToEnd(pipe.read_end.get());
  EXPECT_TRUE(process.Wait().ok());
  return output;
}

TEST(SubprocessTest, AProgramThatIsNotThereIsNamed) {
  SpawnOptions options;
  options.argv = {"/no/such/program"};
  const auto process = Subprocess::Spawn(options);
  EXPECT_EQ(process.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(process.status().message()), HasSubstr("/no/such/program"));
}

TEST(SubprocessTest, AStderrThatCantBeOpenedFailsTheStart) {
  SpawnOptions options = Shell("exit 0");
  options.stderr_path = "/no/such/folder/log";
  EXPECT_FALSE(Subprocess::Spawn(options).ok());
}

TEST(SubprocessTest, ADescriptorThatIsNotOpenFailsTheStart) {
  SpawnOptions options = Shell("exit 0");
  options.fds = {{9999, 3}};
  const auto process = Subprocess::Spawn(options);
  EXPECT_THAT(std::string(process.status().message()), HasSubstr("9999"));
}

TEST(SubprocessTest, ExitStatusTellsCodesFromSignals) {
  EXPECT_EQ(Subprocess::Spawn(Shell("exit 3"))->Wait().ToString(), "exited with code 3");
  const ExitStatus killed = Subprocess::Spawn(Shell("kill -9 $$"))->Wait();
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_EQ(killed.ToString(), "killed by signal 9 (Killed)");
  EXPECT_FALSE(killed.ok());
  EXPECT_TRUE(Subprocess::Spawn(Shell("exit 0"))->Wait().ok());
}

TEST(SubprocessTest, PollGivesNothingWhileItRunsAndTheSameAnswerAfterwards) {
  Pipe pipe = MakePipe().value();
  SpawnOptions options = Shell("read line; exit 5");
  options.fds = {{pipe.read_end.get(), STDIN_FILENO}};
  Subprocess process = Subprocess::Spawn(options).value();
  EXPECT_FALSE(process.Poll().has_value());
  ASSERT_EQ(write(pipe.write_end.get(), "go\n", 3), 3);
  ASSERT_TRUE(WaitFor([&] { return process.Poll().has_value(); }));
  EXPECT_EQ(process.Poll()->exit_code, 5);
  EXPECT_EQ(process.Wait().exit_code, 5);
}

TEST(SubprocessTest, ASignalReachesTheWholeGroup) {
  Pipe pipe = MakePipe().value();
  // Both shells hold the pipe; its end comes when both are gone.
  SpawnOptions options = Shell("sleep 1000 & echo started >&7; wait");
  options.fds = {{pipe.write_end.get(), 7}};
  Subprocess process = Subprocess::Spawn(options).value();
  pipe.write_end.Close();
  EXPECT_EQ(getpgid(process.pid()), process.pid());
  char byte = 0;
  ASSERT_EQ(read(pipe.read_end.get(), &byte, 1), 1);
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait().signal, SIGTERM);
  EXPECT_EQ(ReadToEnd(pipe.read_end.get()), "tarted\n");
}

TEST(SubprocessTest, DestroyingKills) {
  Pipe pipe = MakePipe().value();
  {
    SpawnOptions options = Shell("trap '' TERM; echo started >&7; while :; do sleep 1000; done");
    options.fds = {{pipe.write_end.get(), 7}};
    Subprocess process = Subprocess::Spawn(options).value();
    pipe.write_end.Close();
    char byte = 0;
    ASSERT_EQ(read(pipe.read_end.get(), &byte, 1), 1);
  }
  EXPECT_EQ(ReadToEnd(pipe.read_end.get()), "tarted\n");
}

TEST(SubprocessTest, SignalAndWaitFromTwoThreads) {
  for (int i = 0; i < 20; ++i) {
    Subprocess process = Subprocess::Spawn(Shell("while :; do sleep 1000; done")).value();
    std::thread killer([&] { process.Signal(SIGKILL); });
    EXPECT_EQ(process.Wait().signal, SIGKILL);
    killer.join();
    process.Signal(SIGKILL);  // Of a process that is gone: nothing.
  }
}

TEST(SubprocessTest, AChildThatSomebodyElseReapedCountsAsFailed) {
  EXPECT_TRUE(InChild([] {
    signal(SIGCHLD, SIG_IGN);
    Subprocess process = Subprocess::Spawn(Shell("exit 0")).value();
    return !process.Wait().ok() && process.Poll().has_value();
  }));
}

TEST(SubprocessTest, MovingHandsOverTheProcess) {
  Subprocess first = Subprocess::Spawn(Shell("exit 4")).value();
  Subprocess second = std::move(first);
  EXPECT_EQ(first.pid(), -1);
  first.Signal(SIGKILL);
  EXPECT_FALSE(first.Poll().has_value());
  EXPECT_EQ(second.Wait().exit_code, 4);
}

TEST(SubprocessTest, DescriptorsAreHandedOverWhateverTheirNumbers) {
  // Each of ours has the number that the other is to get.
  Pipe low = MakePipe().value();
  Pipe high = MakePipe().value();
  const int a = low.write_end.get();
  const int b = high.write_end.get();
  SpawnOptions options = Shell(absl::StrCat("echo to-a >&", b, "; echo to-b >&", a));
  options.fds = {{a, b}, {b, a}};
  Subprocess process = Subprocess::Spawn(options).value();
  low.write_end.Close();
  high.write_end.Close();
  EXPECT_EQ(ReadToEnd(low.read_end.get()), "to-a\n");
  EXPECT_EQ(ReadToEnd(high.read_end.get()), "to-b\n");
  EXPECT_TRUE(process.Wait().ok());
}

TEST(SubprocessTest, TheChildGetsNoOtherDescriptor) {
  const int leaked = open("/dev/null", O_RDONLY);  // Not closed on exec.
  const int high = fcntl(leaked, F_DUPFD, 100);
  EXPECT_EQ(OutputOf(Shell(absl::StrCat("[ -e /proc/self/fd/", high, " ] && echo leaked >&7; echo done >&7"))),
            "done\n");
  close(leaked);
  close(high);
}

TEST(SubprocessTest, StandardInputIsEmptyUnlessGiven) { EXPECT_EQ(OutputOf(Shell("cat >&7; echo end >&7")), "end\n"); }

TEST(SubprocessTest, TheEnvironmentIsOursWithAdditions) {
  ASSERT_EQ(setenv("SEEDBED_TEST_KEPT", "kept", 1), 0);
  ASSERT_EQ(setenv("SEEDBED_TEST_CHANGED", "old", 1), 0);
  SpawnOptions options = Shell("echo $SEEDBED_TEST_KEPT $SEEDBED_TEST_CHANGED $SEEDBED_TEST_NEW >&7");
  options.environment = {{"SEEDBED_TEST_CHANGED", "new=1"}, {"SEEDBED_TEST_NEW", "added"}};
  EXPECT_EQ(OutputOf(options), "kept new=1 added\n");
}

TEST(SubprocessTest, SignalsStartAtTheirDefaults) {
  EXPECT_TRUE(InChild([] {
    signal(SIGTERM, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    Subprocess process = Subprocess::Spawn(Shell("kill -TERM $$; exit 9")).value();
    return process.Wait().signal == SIGTERM;
  }));
}

TEST(SubprocessTest, StandardErrorIsAppendedToItsFile) {
  TempFolder folder;
  for (const char* script : {"echo one; echo two >&2", "echo three >&2"}) {
    SpawnOptions options = Shell(script);
    options.stderr_path = folder.Path("log");
    EXPECT_TRUE(Subprocess::Spawn(options)->Wait().ok());
  }
  EXPECT_EQ(ReadFile(folder.Path("log")).value(), "one\ntwo\nthree\n");
}

TEST(TailOfFileTest, GivesTheLastLines) {
  TempFolder folder;
  const std::string path = folder.Path("log");
  EXPECT_THAT(TailOfFile(path, 3), IsEmpty());
  ASSERT_TRUE(WriteFileDurably(path, "").ok());
  EXPECT_THAT(TailOfFile(path, 3), IsEmpty());
  ASSERT_TRUE(WriteFileDurably(path, "a\nb\n\nc").ok());
  EXPECT_THAT(TailOfFile(path, 2), ElementsAre("", "c"));
  EXPECT_THAT(TailOfFile(path, 9), ElementsAre("a", "b", "", "c"));
}

TEST(TailOfFileTest, ReadsOnlyTheEndAndNoLineThatIsCut) {
  TempFolder folder;
  const std::string path = folder.Path("log");
  ASSERT_TRUE(WriteFileDurably(path, absl::StrCat(std::string(100'000, 'x'), "\nlast\n")).ok());
  EXPECT_THAT(TailOfFile(path, 50), ElementsAre("last"));
  ASSERT_TRUE(WriteFileDurably(path, std::string(100'000, 'x')).ok());
  EXPECT_THAT(TailOfFile(path, 50), ElementsAre(std::string(64 << 10, 'x')));
}

TEST(TailOfFileTest, IsUtf8WhateverTheFileHolds) {
  TempFolder folder;
  ASSERT_TRUE(WriteFileDurably(folder.Path("log"), "good \xC3\xA9 bad \xFF\xC3\n").ok());
  EXPECT_THAT(TailOfFile(folder.Path("log"), 1), ElementsAre("good \xC3\xA9 bad \xEF\xBF\xBD\xEF\xBF\xBD"));
}

TEST(ExecutableFolderTest, IsWhereThisTestLies) {
  EXPECT_TRUE(PathExists(JoinPath(ExecutableFolder(), "subprocess_test")));
}

}  // namespace
}  // namespace seedbed
