// seedbed-worker as a process: its command line, its signals, and its death.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/daemon.h"
#include "common/file.h"
#include "common/http_server.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/worker/daemon/fake_coordinator.h"
#include "tests/worker/daemon/rank_testing.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string response;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n");
    send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char buffer[4096];
    ssize_t count = 0;
    while ((count = recv(fd, buffer, sizeof buffer, 0)) > 0) response.append(buffer, static_cast<size_t>(count));
  }
  close(fd);
  return response;
}

class WorkerBinaryTest : public testing::Test {
 protected:
  std::vector<std::string> GoodFlags() const {
    return {"--coordinator", coordinator_.address(),
            "--name",        "worker-1",
            "--slots",       "cpu:2",
            "--artifacts",   folders_.artifacts(),
            "--scratch",     folders_.scratch(),
            "--http",        "127.0.0.1:0",
            "--trainer",     SEEDBED_FAKE_TRAINER,
            "--ready-file",  folders_.Path("ready")};
  }
  // The good flags with some replaced; an empty value takes the flag away.
  std::vector<std::string> With(const std::map<std::string, std::string>& changes) const {
    std::vector<std::string> flags = GoodFlags();
    for (const auto& [flag, value] : changes) {
      auto found = std::find(flags.begin(), flags.end(), flag);
      if (found != flags.end()) found = flags.erase(found, found + 2);
      if (!value.empty()) flags.insert(flags.end(), {flag, value});
    }
    return flags;
  }
  Subprocess Spawn(const std::vector<std::string>& flags) const {
    SpawnOptions options;
    options.argv = {absl::StrCat(SEEDBED_BIN_DIR, "/seedbed-worker")};
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    options.stderr_path = folders_.Path("stderr");
    return Subprocess::Spawn(options).value();
  }
  std::string Stderr() const { return ReadFile(folders_.Path("stderr")).value_or(""); }
  // Runs it to its end, which must come by itself, and gives what it printed.
  std::string FailureOf(const std::vector<std::string>& flags) {
    (void)RemoveAll(folders_.Path("stderr"));
    Subprocess worker = Spawn(flags);
    EXPECT_TRUE(WaitFor([&] { return worker.Poll().has_value(); })) << "it runs: " << absl::StrJoin(flags, " ");
    worker.Signal(SIGKILL);
    EXPECT_EQ(worker.Wait().ToString(), "exited with code 1");
    return Stderr();
  }
  bool WaitUntilReady() const {
    return WaitFor([&] { return PathExists(folders_.Path("ready")); });
  }
  bool WaitForState(const std::string& gang_id, v1::RankState state) const {
    return WaitFor([&] { return coordinator_.Rank(gang_id).state() == state; });
  }

  RankFolders folders_;
  FakeCoordinator coordinator_;
};

TEST_F(WorkerBinaryTest, BadFlagsAreOneClearLine) {
  const struct {
    std::map<std::string, std::string> changes;
    const char* says;
  } kCases[] = {
      {{{"--artifacts", ""}}, "--artifacts"},
      {{{"--scratch", ""}}, "--scratch"},
      {{{"--no-such-flag", "1"}}, "--no-such-flag"},
      {{{"--slots", "gpu:1"}}, "--slots: found \"gpu:1\""},
      {{{"--name", "a b"}}, "--name: found \"a b\""},
      {{{"--host", "127.0.0.1:80"}}, "--host: found \"127.0.0.1:80\""},
      {{{"--coordinator", "nowhere"}}, "--coordinator: found \"nowhere\""},
      {{{"--http", "127.0.0.1:x"}}, "--http: found"},
      {{{"--threads-per-slot", "many"}}, "--threads-per-slot"},
      {{{"--threads-per-slot", "-3"}}, "--threads-per-slot: is -3"},
      {{{"--collective-timeout-ms", "0"}}, "--collective-timeout-ms: is 0"},
      {{{"--slot-memory", "-1"}}, "--slot-memory: is -1"},
      {{{"--label", "gpu"}}, "--label: found \"gpu\"; KEY=VALUE is allowed"},
      {{{"--label", "gpu=h 100"}}, "--label: found \"gpu=h 100\""},
      {{{"--stop-grace-ms", "-1"}}, "--stop-grace-ms: is -1"},
      {{{"--trainer", "/no/such/trainer"}}, "--trainer: /no/such/trainer: No such file"},
      {{{"--trainer", "/etc/passwd"}}, "--trainer: /etc/passwd: is no executable file"},
      {{{"--artifacts", "/proc/no"}}, "--artifacts: /proc/no"},
      {{{"--scratch", "/dev/null/x"}}, "--scratch: /dev/null/x"},
      {{{"--ready-file", "/no/such/folder/ready"}}, "/no/such/folder/ready"},
  };
  for (const auto& bad : kCases) {
    const std::string text = FailureOf(With(bad.changes));
    EXPECT_THAT(text, HasSubstr(absl::StrCat("seedbed-worker: "))) << bad.says;
    EXPECT_THAT(text, HasSubstr(bad.says));
    const std::string last_line = text.substr(text.rfind('\n', text.size() - 2) + 1);
    EXPECT_THAT(last_line, StartsWith("seedbed-worker: "));
  }
}

TEST_F(WorkerBinaryTest, AnHttpPortThatIsTakenIsNamed) {
  const auto other = HttpServer::Start({});
  const std::string address = absl::StrCat("127.0.0.1:", (*other)->port());
  EXPECT_THAT(FailureOf(With({{"--http", address}})), HasSubstr(address));
}

TEST_F(WorkerBinaryTest, ASecondWorkerOnTheScratchFolderIsOneClearLine) {
  const Subprocess first = Spawn(GoodFlags());
  ASSERT_TRUE(WaitUntilReady());
  EXPECT_THAT(FailureOf(GoodFlags()), HasSubstr("is used by another seedbed-worker"));
}

TEST_F(WorkerBinaryTest, HelpIsNoFailure) {
  EXPECT_TRUE(Spawn({"--help"}).Wait().ok());
  EXPECT_THAT(Stderr(), HasSubstr("--coordinator"));
}

TEST_F(WorkerBinaryTest, IsReadyWithoutACoordinatorAndServesMetrics) {
  coordinator_.Crash();
  Subprocess worker = Spawn(GoodFlags());
  ASSERT_TRUE(WaitUntilReady());
  const auto ready = nlohmann::json::parse(ReadFile(folders_.Path("ready")).value());
  EXPECT_EQ(ready["name"], "worker-1");
  EXPECT_EQ(ready["pid"], absl::StrCat(worker.pid()));
  const int port = ParseHostPort("http", ready["http"].get<std::string>())->port;
  EXPECT_THAT(HttpGet(port, "/healthz"), StartsWith("HTTP/1.1 200"));
  const std::string metrics = HttpGet(port, "/metrics");
  EXPECT_THAT(metrics, HasSubstr("seedbed_worker_session_connected 0"));
  EXPECT_THAT(metrics, HasSubstr("seedbed_worker_slots{device=\"cpu\"} 2"));
  worker.Signal(SIGTERM);
  EXPECT_TRUE(worker.Wait().ok());
}

TEST_F(WorkerBinaryTest, SigtermStopsTheRanksReportsThemAndEndsWell) {
  Subprocess worker = Spawn(With({{"--stop-grace-ms", "300"}}));
  coordinator_.Want({DesiredOn("cpu:0", "hang"), DesiredOn("cpu:1", "stubborn")});
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_RUNNING));
  worker.Signal(SIGTERM);
  EXPECT_EQ(worker.Wait().ToString(), "exited with code 0");
  EXPECT_FALSE(IsAlive(folders_.Starts("hang").at(0)));
  EXPECT_FALSE(IsAlive(folders_.Starts("stubborn").at(0)));
  EXPECT_EQ(coordinator_.Rank("hang").state(), v1::RANK_STATE_EXITED);
  EXPECT_EQ(coordinator_.Rank("stubborn").failure().signal(), SIGKILL);
}

TEST_F(WorkerBinaryTest, RanksSeeTheEndOfTheirInputWhenTheDaemonIsKilled) {
  Subprocess worker = Spawn(GoodFlags());
  coordinator_.Want({DesiredOn("cpu:0", "hang"), DesiredOn("cpu:1", "stubborn")});
  ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
  ASSERT_TRUE(WaitForState("stubborn", v1::RANK_STATE_RUNNING));
  kill(worker.pid(), SIGKILL);
  EXPECT_EQ(worker.Wait().signal, SIGKILL);
  for (const char* gang : {"hang", "stubborn"}) {
    EXPECT_TRUE(WaitFor([&] { return folders_.SawEndOfInput(gang); })) << gang;
    EXPECT_TRUE(WaitFor([&] { return !IsAlive(folders_.Starts(gang).at(0)); })) << gang;
  }
}

TEST_F(WorkerBinaryTest, AfterAKillTheNextLifeIsAnotherInstanceOnACleanScratch) {
  {
    Subprocess worker = Spawn(GoodFlags());
    coordinator_.Want({DesiredOn("cpu:0", "hang")});
    ASSERT_TRUE(WaitForState("hang", v1::RANK_STATE_RUNNING));
    kill(worker.pid(), SIGKILL);
    worker.Wait();
  }
  const std::string first_instance = coordinator_.last().instance_id();
  coordinator_.Want({DesiredOn("cpu:0", "succeed")});
  Subprocess worker = Spawn(GoodFlags());
  ASSERT_TRUE(WaitForState("succeed", v1::RANK_STATE_EXITED));
  EXPECT_NE(coordinator_.last().instance_id(), first_instance);
  EXPECT_THAT(ListFolder(RanksFolder(folders_.scratch())).value(), testing::IsEmpty());
  worker.Signal(SIGTERM);
  EXPECT_TRUE(worker.Wait().ok());
}

TEST_F(WorkerBinaryTest, EveryLogLineIsJsonAndNamesTheRank) {
  Subprocess worker = Spawn(GoodFlags());
  coordinator_.Want({DesiredOn("cpu:0", "exit3")});
  ASSERT_TRUE(WaitForState("exit3", v1::RANK_STATE_EXITED));
  worker.Signal(SIGTERM);
  EXPECT_TRUE(worker.Wait().ok());
  bool said_started = false;
  for (const auto line : absl::StrSplit(Stderr(), '\n', absl::SkipEmpty())) {
    const auto json = nlohmann::json::parse(std::string(line));
    if (json["event"] != "rank started") continue;
    said_started = true;
    EXPECT_EQ(json["sweep"], "sweep");
    EXPECT_EQ(json["gang"], "exit3");
    EXPECT_EQ(json["attempt"], 1);
    EXPECT_EQ(json["rank"], 0);
  }
  EXPECT_TRUE(said_started);
}

}  // namespace
}  // namespace seedbed
