#include "common/daemon.h"

#include <signal.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

TEST(ParseHostPortTest, RefusesWhatIsNoAddressAndNamesTheFlag) {
  for (const char* bad : {"",
                          ":",
                          ":80",
                          "host",
                          "host:",
                          "host:x",
                          "host:-1",
                          "host:+1",
                          "host: 1",
                          "host:65536",
                          "host:99999999999999999999",
                          "host:1x",
                          "::1:80",
                          "a:b:80",
                          "[]:80",
                          "[::1]",
                          "[::1:80",
                          "[host]:80",
                          "ho st:80",
                          "http://host:80"}) {
    const auto parsed = ParseHostPort("--listen", bad);
    ASSERT_FALSE(parsed.ok()) << bad << " was taken for " << parsed->ToString();
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(parsed.status().message()),
                testing::HasSubstr(absl::StrCat("--listen: found \"", bad, "\"")));
  }
}

TEST(ParseHostPortTest, TakesNamesAndNumbers) {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  for (const Case& good : {Case{"127.0.0.1:7600", "127.0.0.1", 7600}, Case{"localhost:0", "localhost", 0},
                           Case{"a.example-1.org:65535", "a.example-1.org", 65535}, Case{"[::1]:80", "[::1]", 80}}) {
    const auto parsed = ParseHostPort("--listen", good.text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->host, good.host);
    EXPECT_EQ(parsed->port, good.port);
    EXPECT_EQ(parsed->ToString(), good.text);
  }
}

TEST(FailProgramTest, PrintsOneLineAndReturnsOne) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(FailProgram("seedbed-x", absl::NotFoundError("no model")), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "seedbed-x: no model\n");
}

TEST(WriteReadyFileTest, WritesNothingWithoutAPath) { EXPECT_TRUE(WriteReadyFile("", {{"a", "b"}}).ok()); }

TEST(WriteReadyFileTest, NamesThePathThatCantBeWritten) {
  TempFolder folder;
  const absl::Status status = WriteReadyFile(folder.Path("missing/ready"), {});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("missing/ready"));
}

TEST(WriteReadyFileTest, HoldsTheValuesAndThePid) {
  TempFolder folder;
  ASSERT_TRUE(WriteReadyFile(folder.Path("ready"), {{"rpc", "127.0.0.1:1"}, {"odd", "quote\" \xFF end"}}).ok());
  const auto json = nlohmann::json::parse(ReadFile(folder.Path("ready")).value());
  EXPECT_EQ(json["rpc"], "127.0.0.1:1");
  EXPECT_EQ(json["odd"], "quote\" \xEF\xBF\xBD end");
  EXPECT_EQ(json["pid"], absl::StrCat(getpid()));
}

TEST(ShutdownSignalsTest, WaitTakesASignalThatCameBefore) {
  EXPECT_TRUE(InChild([] {
    ShutdownSignals signals;
    kill(getpid(), SIGTERM);
    return signals.Wait() == SIGTERM;
  }));
  EXPECT_TRUE(InChild([] {
    ShutdownSignals signals;
    kill(getpid(), SIGINT);
    return signals.Wait() == SIGINT;
  }));
}

TEST(ShutdownSignalsTest, ABrokenPipeIsAnErrorAndNoEnd) {
  EXPECT_TRUE(InChild([] {
    ShutdownSignals signals;
    int fds[2];
    if (pipe(fds) != 0) return false;
    close(fds[0]);
    return write(fds[1], "x", 1) == -1 && errno == EPIPE;
  }));
}

TEST(DieWithParentTest, ExitsWhenTheParentIsAnother) {
  EXPECT_FALSE(InChild([] {
    DieWithParent(getpid());  // Not its parent's.
    return true;
  }));
  EXPECT_TRUE(InChild([] {
    DieWithParent(getppid());
    return true;
  }));
}

}  // namespace
}  // namespace seedbed
