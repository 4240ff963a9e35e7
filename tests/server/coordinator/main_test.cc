// The program: how it starts, how it fails, how it stops, and what survives it.
#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/daemon.h"
#include "common/file.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "server/store/sqlite_event_store.h"
#include "tests/server/support/sweep_builder.h"
#include "tests/server/support/temp_folder.h"

namespace seedbed {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kDeadline = absl::Seconds(60);

// A coordinator that serves, on free ports.
struct Running {
  Subprocess process;
  std::string address;
  std::string http;
};

class MainTest : public testing::Test {
 protected:
  std::optional<Subprocess> Spawn(const std::vector<std::string>& flags, const std::string& log) {
    SpawnOptions options;
    options.argv = {JoinPath(SEEDBED_BIN_DIR, "seedbed-coordinator")};
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    options.stderr_path = folder_.File(log);
    absl::StatusOr<Subprocess> process = Subprocess::Spawn(options);
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return std::nullopt;
    return *std::move(process);
  }

  std::optional<Running> Start(const std::string& db) {
    const std::string ready = folder_.File("ready.json");
    EXPECT_TRUE(RemoveAll(ready).ok());
    std::optional<Subprocess> process = Spawn({"--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--db", db,
                                               "--first-worker-seconds", "0", "--ready-file", ready},
                                              "serving.log");
    if (!process.has_value()) return std::nullopt;
    const absl::Time deadline = absl::Now() + kDeadline;
    while (!PathExists(ready) && !process->Poll().has_value() && absl::Now() < deadline) Pause();
    const absl::StatusOr<std::string> text = ReadFile(ready);
    EXPECT_TRUE(text.ok()) << ReadFile(folder_.File("serving.log")).value_or("");
    if (!text.ok()) return std::nullopt;
    const nlohmann::json json = nlohmann::json::parse(*text);
    return Running{*std::move(process), json.at("address"), json.at("http")};
  }

  // Runs it until it ends by itself. Returns what it printed last.
  std::string ExpectFails(std::vector<std::string> flags) {
    std::optional<Subprocess> process = Spawn(flags, "failing.log");
    if (!process.has_value()) return "";
    const absl::Time deadline = absl::Now() + kDeadline;
    while (!process->Poll().has_value() && absl::Now() < deadline) Pause();
    const std::optional<ExitStatus> exit = process->Poll();
    EXPECT_TRUE(exit.has_value() && exit->signal == 0 && exit->exit_code == 1);
    const std::vector<std::string> tail = TailOfFile(folder_.File("failing.log"), 1);
    return tail.empty() ? "" : tail[0];
  }

  std::unique_ptr<v1::SweepService::Stub> Stub(const Running& running) {
    return v1::SweepService::NewStub(MakeChannel(running.address));
  }

  static std::string Submit(v1::SweepService::Stub& stub, const std::string& key) {
    grpc::ClientContext context;
    SetDeadline(context, kDeadline);
    v1::SubmitSweepRequest request;
    *request.mutable_spec() = DemoSweep();
    request.set_idempotency_key(key);
    v1::SubmitSweepResponse response;
    const absl::Status status = FromGrpcStatus(stub.SubmitSweep(&context, request, &response));
    EXPECT_TRUE(status.ok()) << status;
    return response.sweep().sweep_id();
  }

  // Between two looks at a condition that has a deadline.
  static void Pause() { absl::SleepFor(absl::Milliseconds(5)); }

  TempFolder folder_;
};

TEST_F(MainTest, RefusesWrongFlagsInOneLine) {
  EXPECT_EQ(ExpectFails({}), "seedbed-coordinator: --db is required");
  EXPECT_THAT(ExpectFails({"--db", folder_.File("c.db"), "--listen", "nonsense"}),
              HasSubstr("seedbed-coordinator: --listen: found \"nonsense\"; HOST:PORT is needed"));
  EXPECT_THAT(ExpectFails({"--db", folder_.File("c.db"), "--lease-seconds", "0"}), HasSubstr("--lease-seconds"));
  EXPECT_THAT(ExpectFails({"--db", folder_.File("c.db"), "--frobnicate"}), HasSubstr("--frobnicate"));
  EXPECT_FALSE(PathExists(folder_.File("c.db"))) << "nothing half-made stays behind";
}

TEST_F(MainTest, RefusesAFolderThatItCannotWrite) {
  const std::string db = JoinPath(ReadOnlyFolder(), "c.db");
  const std::string line = ExpectFails({"--db", db, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"});
  EXPECT_THAT(line, HasSubstr(absl::StrCat("seedbed-coordinator: ", db)));
  EXPECT_THAT(line, testing::ContainsRegex("Permission denied|Read-only file system"));
}

TEST_F(MainTest, RefusesADamagedDatabaseNamingTheEvent) {
  const std::string db = folder_.File("c.db");
  v1::Event event;
  event.set_number(1);
  event.set_sweep_id("s1");
  event.mutable_sweep_cancelled();
  ASSERT_TRUE((*SqliteEventStore::Open(db))->Append({event}).ok());
  EXPECT_THAT(ExpectFails({"--db", db, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}), HasSubstr("event 1"));
  ASSERT_TRUE(WriteFileDurably(db, std::string(9000, 'x')).ok());
  EXPECT_THAT(ExpectFails({"--db", db, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}),
              HasSubstr("file is not a database"));
}

TEST_F(MainTest, RefusesASecondCoordinatorAndATakenPort) {
  const std::optional<Running> first = Start(folder_.File("c.db"));
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(ExpectFails({"--db", folder_.File("c.db"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}),
              HasSubstr(absl::StrCat("seedbed-coordinator: ", folder_.File("c.db"),
                                     ": another coordinator uses this database")));
  EXPECT_THAT(ExpectFails({"--db", folder_.File("d.db"), "--listen", first->address, "--http", "127.0.0.1:0"}),
              HasSubstr(absl::StrCat("seedbed-coordinator: can't listen on ", first->address)));
  EXPECT_THAT(ExpectFails({"--db", folder_.File("d.db"), "--listen", "127.0.0.1:0", "--http", first->http}),
              HasSubstr(absl::StrCat("can't listen on http://", first->http)));
  EXPECT_EQ(Submit(*Stub(*first), "key"), "s1") << "the first is unharmed";
}

TEST_F(MainTest, StopsSoonAfterSigterm) {
  std::optional<Running> running = Start(folder_.File("c.db"));
  ASSERT_TRUE(running.has_value());
  const auto stub = Stub(*running);
  ASSERT_EQ(Submit(*stub, ""), "s1");
  grpc::ClientContext context;
  SetDeadline(context, kDeadline);
  auto watch = stub->WatchSweep(&context, {});
  v1::WatchSweepResponse response;
  ASSERT_TRUE(watch->Read(&response));
  running->process.Signal(SIGTERM);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  const absl::Time deadline = absl::Now() + absl::Seconds(5);
  while (!running->process.Poll().has_value() && absl::Now() < deadline) Pause();
  ASSERT_TRUE(running->process.Poll().has_value());
  EXPECT_TRUE(running->process.Poll()->ok()) << running->process.Poll()->ToString();
}

TEST_F(MainTest, WhatItAcknowledgedSurvivesKill9) {
  const std::string db = folder_.File("c.db");
  for (int round = 1; round <= 3; ++round) {
    std::optional<Running> running = Start(db);
    ASSERT_TRUE(running.has_value());
    const auto stub = Stub(*running);
    for (int earlier = 1; earlier <= round; ++earlier) {
      EXPECT_EQ(Submit(*stub, absl::StrCat("key ", earlier)), absl::StrCat("s", earlier));
    }
    running->process.Signal(SIGKILL);
    running->process.Wait();
  }
}

}  // namespace
}  // namespace seedbed
