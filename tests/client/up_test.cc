// `seedbed up` and its supervisor, with stand-ins for the daemons.
#include "client/up.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/supervisor.h"
#include "common/file.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(20);

template <typename Condition>
bool Eventually(Condition condition) {
  const absl::Time give_up = absl::Now() + kPatience;
  while (!condition()) {
    if (absl::Now() > give_up) return false;
    usleep(5'000);
  }
  return true;
}

// A zombie whose parent was killed and that nobody has reaped yet is not alive.
bool IsAlive(int pid) {
  std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(stat, text);
  const size_t name_end = text.rfind(") ");
  return name_end != std::string::npos && text[name_end + 2] != 'Z' && text[name_end + 2] != 'X';
}

nlohmann::json ReadJson(const std::string& path) {
  const auto contents = ReadFile(path);
  return contents.ok() ? nlohmann::json::parse(*contents, nullptr, false) : nlohmann::json();
}

int PidIn(const std::string& path) {
  const nlohmann::json json = ReadJson(path);
  return json.is_object() ? std::stoi(json["pid"].get<std::string>()) : 0;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char pattern[] = "/tmp/seedbed-up-test-XXXXXX";
    path_ = mkdtemp(pattern);
  }
  ~TemporaryFolder() { RemoveAll(path_).IgnoreError(); }
  std::string operator/(const std::string& name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

// The real `seedbed` in a folder of its own with stand-ins for its sister programs.
class UpTest : public testing::Test {
 protected:
  UpTest() {
    namespace fs = std::filesystem;
    fs::create_directories(folder_ / "bin");
    // A copy, as the folder of the executable is where it looks for the others.
    fs::copy(std::string(SEEDBED_BIN_DIR) + "/seedbed", folder_ / "bin/seedbed");
    for (const char* name : {"seedbed-coordinator", "seedbed-results", "seedbed-worker"}) {
      fs::copy(SEEDBED_FAKE_DAEMON, folder_ / "bin" / name);
    }
  }

  Subprocess Up(std::vector<std::string> arguments, const std::string& modes = "") {
    SpawnOptions options;
    options.argv = {folder_ / "bin/seedbed", "up", "--dir", data_};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.environment = {{"FAKE_DAEMONS", modes}};
    options.stderr_path = folder_ / "output";
    auto process = Subprocess::Spawn(options);
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }
  bool AwaitUp() {
    return Eventually([&] { return PathExists(UpFile()); });
  }
  std::string UpFile() const { return JoinPath(data_, "up.json"); }
  std::string ReadyFile(const std::string& name) const { return JoinPath(data_, "run/" + name + ".json"); }
  std::vector<int> DaemonPids() const {
    return {PidIn(ReadyFile("coordinator")), PidIn(ReadyFile("results")), PidIn(ReadyFile("worker"))};
  }
  std::string Output() const { return ReadFile(folder_ / "output").value_or(""); }
  std::vector<std::string> StopOrder() const {
    return absl::StrSplit(ReadFile(JoinPath(data_, "order")).value_or(""), '\n', absl::SkipEmpty());
  }

  struct Path : TemporaryFolder {
    std::filesystem::path operator/(const std::string& name) const { return TemporaryFolder::operator/(name); }
  };
  Path folder_;
  const std::string data_ = folder_ / "data";
};

TEST_F(UpTest, StartsAllTellsTheirAddressesAndStopsThemInReverse) {
  Subprocess up = Up({"--port", "0", "--slots", "cpu:2", "--threads-per-slot", "3"});
  ASSERT_TRUE(AwaitUp()) << Output();
  const nlohmann::json addresses = ReadJson(UpFile());
  EXPECT_EQ(addresses["pid"], absl::StrCat(up.pid()));
  const std::string worker = ReadJson(ReadyFile("worker"))["arguments"];
  EXPECT_THAT(worker, HasSubstr("--slots cpu:2 "));
  EXPECT_THAT(worker, HasSubstr("--threads-per-slot 3 "));
  EXPECT_THAT(worker, HasSubstr("--artifacts " + data_ + "/artifacts "));
  EXPECT_THAT(worker, HasSubstr("--coordinator " + addresses["server"].get<std::string>() + " "));
  const std::string coordinator = ReadJson(ReadyFile("coordinator"))["arguments"];
  EXPECT_THAT(coordinator, HasSubstr("--results-address " + addresses["results"].get<std::string>() + " "));
  EXPECT_EQ(ReadJson(ReadyFile("results"))["parent_pid_left"], "no");

  const std::vector<int> pids = DaemonPids();
  up.Signal(SIGINT);
  EXPECT_TRUE(up.Wait().ok());
  EXPECT_THAT(StopOrder(), ElementsAre("seedbed-worker", "seedbed-results", "seedbed-coordinator"));
  for (const int pid : pids) EXPECT_FALSE(IsAlive(pid));
  EXPECT_FALSE(PathExists(UpFile()));
  EXPECT_THAT(Output(), HasSubstr("Ctrl-C stops everything"));
}

TEST_F(UpTest, StartsADeadDaemonAgainAtTheSameAddress) {
  Subprocess up = Up({"--port", "0"});
  ASSERT_TRUE(AwaitUp()) << Output();
  for (const char* name : {"worker", "coordinator", "results"}) {
    const nlohmann::json before = ReadJson(ReadyFile(name));
    const int pid = PidIn(ReadyFile(name));
    kill(pid, SIGKILL);
    ASSERT_TRUE(Eventually([&] { return PidIn(ReadyFile(name)) != pid && PidIn(ReadyFile(name)) != 0; })) << Output();
    EXPECT_EQ(ReadJson(ReadyFile(name))["arguments"], before["arguments"]);
    EXPECT_THAT(Output(),
                HasSubstr(absl::StrCat(name, " was killed by signal 9 (Killed); starting it again in 0.1 s\n")));
  }
  up.Signal(SIGTERM);
  EXPECT_TRUE(up.Wait().ok());
}

TEST_F(UpTest, LeavesNothingBehindWhenKilled) {
  Subprocess up = Up({"--port", "0"});
  ASSERT_TRUE(AwaitUp()) << Output();
  const std::vector<int> pids = DaemonPids();
  up.Signal(SIGKILL);
  up.Wait();
  for (const int pid : pids) EXPECT_TRUE(Eventually([&] { return !IsAlive(pid); })) << pid;
  Subprocess again = Up({"--port", "0"});  // What is left in the folder is no hindrance.
  ASSERT_TRUE(Eventually([&] { return PidIn(UpFile()) == again.pid(); })) << Output();
  again.Signal(SIGTERM);
  EXPECT_TRUE(again.Wait().ok());
}

TEST_F(UpTest, AnIgnoredHangUpStaysIgnored) {
  // As nohup starts a program; Subprocess would give it the default.
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c",
                  absl::StrCat("trap '' HUP; exec ", (folder_ / "bin/seedbed").string(), " up --port 0 --dir ", data_)};
  options.stderr_path = folder_ / "output";
  auto up = Subprocess::Spawn(options);
  ASSERT_TRUE(up.ok()) << up.status();
  ASSERT_TRUE(AwaitUp()) << Output();
  up->Signal(SIGHUP);
  const int pid = PidIn(ReadyFile("worker"));
  kill(pid, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return PidIn(ReadyFile("worker")) != pid && PidIn(ReadyFile("worker")) != 0; }));
  up->Signal(SIGTERM);
  EXPECT_TRUE(up->Wait().ok());
}

TEST_F(UpTest, ADaemonThatFailsAtStartIsOneLineAndStopsTheOthers) {
  Subprocess up = Up({"--port", "0"}, "seedbed-worker=fail");
  EXPECT_EQ(up.Wait().exit_code, 1);
  EXPECT_EQ(Output(), "seedbed: seedbed-worker: can't listen on 127.0.0.1:7: is the port taken?\n");
  EXPECT_THAT(StopOrder(), ElementsAre("seedbed-results", "seedbed-coordinator"));
  EXPECT_FALSE(PathExists(UpFile()));
}

TEST_F(UpTest, ADaemonThatFailsWithoutAWordIsNamed) {
  Subprocess up = Up({"--port", "0"}, "seedbed-results=mute");
  EXPECT_EQ(up.Wait().exit_code, 1);
  EXPECT_EQ(Output(), absl::StrCat("seedbed: results exited with code 3 before it served; its log is ", data_,
                                   "/logs/results.log\n"));
}

TEST_F(UpTest, CanBeStoppedWhileStarting) {
  Subprocess up = Up({"--port", "0"}, "seedbed-results=hang");
  ASSERT_TRUE(Eventually([&] { return PidIn(ReadyFile("coordinator")) != 0; }));
  up.Signal(SIGTERM);
  EXPECT_TRUE(up.Wait().ok());
  EXPECT_FALSE(PathExists(UpFile()));
}

TEST_F(UpTest, ASecondOneOnTheFolderIsOneLine) {
  Subprocess up = Up({"--port", "0"});
  ASSERT_TRUE(AwaitUp()) << Output();
  Subprocess second = Up({"--port", "0"});
  EXPECT_EQ(second.Wait().exit_code, 1);
  EXPECT_THAT(Output(),
              EndsWith(absl::StrCat("\nseedbed: ", data_, ": another \"seedbed up\" is running on this folder\n")));
  EXPECT_EQ(PidIn(UpFile()), up.pid());
  up.Signal(SIGTERM);
  EXPECT_TRUE(up.Wait().ok());
}

TEST_F(UpTest, MissingSisterProgramIsOneLine) {
  std::filesystem::remove(folder_ / "bin/seedbed-results");
  Subprocess up = Up({"--port", "0"});
  EXPECT_EQ(up.Wait().exit_code, 1);
  EXPECT_THAT(Output(), StartsWith("seedbed: starting "));
  EXPECT_THAT(Output(), EndsWith("seedbed-results: No such file or directory\n"));
  const std::vector<std::string> lines = absl::StrSplit(Output(), '\n', absl::SkipEmpty());
  EXPECT_THAT(lines, SizeIs(1));
}

TEST(ChooseAddresses, CountsUpFromThePortsGiven) {
  UpOptions options;
  const auto addresses = ChooseAddresses(options);
  ASSERT_TRUE(addresses.ok());
  EXPECT_EQ(addresses->coordinator, "127.0.0.1:7600");
  EXPECT_EQ(addresses->results, "127.0.0.1:7601");
  EXPECT_EQ(addresses->worker_http, "127.0.0.1:7612");
}

TEST(ChooseAddresses, RefusesWhatCannotBe) {
  const auto error = [](int port, int http_port) {
    UpOptions options;
    options.port = port;
    options.http_port = http_port;
    return std::string(ChooseAddresses(options).status().message());
  };
  EXPECT_EQ(error(65535, 0), "--port: found 65535; allowed 0 (free ones) to 65534");
  EXPECT_EQ(error(-1, 0), "--port: found -1; allowed 0 (free ones) to 65534");
  EXPECT_EQ(error(7600, 65534), "--http-port: found 65534; allowed 0 (free ones) to 65533");
  EXPECT_EQ(error(7600, 7599), "--http-port: port 7600 is needed by --port already");
}

class NoInterrupts final : public Interrupts {
 public:
  void Hold() override {}
  bool Wait(absl::Duration duration) override {
    absl::SleepFor(duration);
    return stop;
  }
  bool stop = false;
};

class SupervisorTest : public testing::Test {
 protected:
  DaemonSpec Spec(const std::string& name) {
    EXPECT_TRUE(MakeFolders(folder_ / "run").ok());
    DaemonSpec spec;
    spec.name = name;
    spec.ready_file = folder_ / ("run/" + name + ".json");
    spec.log_file = folder_ / (name + ".log");
    spec.argv = {SEEDBED_FAKE_DAEMON, "--ready-file", spec.ready_file};
    spec.stop_within = absl::Milliseconds(100);
    return spec;
  }
  Supervisor Make(std::vector<DaemonSpec> specs, SupervisorOptions options = {}) {
    return Supervisor(std::move(specs), options, &interrupts_,
                      [this](const std::string& line) { said_.push_back(line); });
  }

  TemporaryFolder folder_;
  NoInterrupts interrupts_;
  std::vector<std::string> said_;
};

TEST_F(SupervisorTest, KillsADaemonThatIgnoresSigterm) {
  setenv("FAKE_DAEMONS", "fake_daemon=stubborn", 1);
  Supervisor supervisor = Make({Spec("one")});
  ASSERT_TRUE(supervisor.Start().ok());
  const int pid = PidIn(folder_ / "run/one.json");
  EXPECT_TRUE(IsAlive(pid));
  supervisor.Stop();
  unsetenv("FAKE_DAEMONS");
  EXPECT_FALSE(IsAlive(pid));
  EXPECT_THAT(said_, ElementsAre("one did not end within 0.1 s and is killed"));
}

TEST_F(SupervisorTest, GivesUpOnADaemonThatNeverServes) {
  setenv("FAKE_DAEMONS", "fake_daemon=hang", 1);
  SupervisorOptions options;
  options.ready_within = absl::Milliseconds(100);
  Supervisor supervisor = Make({Spec("one")}, options);
  const absl::Status status = supervisor.Start();
  unsetenv("FAKE_DAEMONS");
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(status.message(), absl::StrCat("one does not serve after 0.1 s; its log is ", folder_ / "one.log"));
}

TEST_F(SupervisorTest, AReadyFileOfAnEarlierProcessDoesNotCount) {
  DaemonSpec spec = Spec("one");
  ASSERT_TRUE(WriteFileDurably(spec.ready_file, "{\"pid\": \"1\"}").ok());
  Supervisor supervisor = Make({spec});
  ASSERT_TRUE(supervisor.Start().ok());
  EXPECT_NE(PidIn(spec.ready_file), 1);
}

TEST(RestartBackoff, DoublesToFiveSecondsAndForgetsAfterALongRun) {
  RestartBackoff backoff;
  std::vector<int64_t> waits;
  for (int i = 0; i < 8; ++i) waits.push_back(absl::ToInt64Milliseconds(backoff.Next(absl::Seconds(1))));
  EXPECT_THAT(waits, ElementsAre(100, 200, 400, 800, 1600, 3200, 5000, 5000));
  EXPECT_EQ(backoff.Next(absl::Seconds(31)), absl::Milliseconds(100));
  EXPECT_EQ(backoff.Next(absl::ZeroDuration()), absl::Milliseconds(200));
}

}  // namespace
}  // namespace seedbed
