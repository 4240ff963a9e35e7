// seedbed-results as a process, with stand-ins for the coordinator and for seedbed-agree.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/endpoint.h"
#include "seedbed/v1/results.grpc.pb.h"
#include "tests/common/testing.h"
#include "tests/server/results/fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The whole answer to GET `path`, or what came of it.
std::string HttpGet(const std::string& address, const std::string& path) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(address, ':');
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(parts.second, &port)) << address;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const absl::Cleanup closer = [fd] { close(fd); };
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, parts.first.c_str(), &to.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return "no connection";
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
  if (write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size())) return "not sent";
  std::string answer;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(fd, buffer, sizeof buffer)) > 0;) answer.append(buffer, count);
  return answer;
}

class ResultsDaemonTest : public ::testing::Test {
 protected:
  void SetUp() override { coordinator_.Start(); }

  std::vector<std::string> Arguments() const {
    return {"--coordinator",  coordinator_.address(),
            "--listen",       "127.0.0.1:0",
            "--http",         "127.0.0.1:0",
            "--db",           db_,
            "--agree",        agree_.program(),
            "--ready-file",   folder_.Path("ready"),
            "--sets-at-once", "1"};
  }

  Subprocess Spawn(const std::vector<std::string>& arguments, const std::string& log) {
    SpawnOptions options;
    options.argv = {SEEDBED_BIN_DIR "/seedbed-results"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.stderr_path = folder_.Path(log);
    auto process = Subprocess::Spawn(options);
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  void Start() {
    ASSERT_TRUE(RemoveAll(folder_.Path("ready")).ok());
    daemon_.emplace(Spawn(Arguments(), "log"));
    ASSERT_TRUE(WaitFor([&] { return PathExists(folder_.Path("ready")) || daemon_->Poll().has_value(); }));
    const auto ready = ReadFile(folder_.Path("ready"));
    ASSERT_TRUE(ready.ok()) << ReadFile(folder_.Path("log")).value_or("");
    const nlohmann::json addresses = nlohmann::json::parse(*ready);
    http_ = addresses["http"];
    stub_ = v1::ResultsService::NewStub(MakeChannel(addresses["address"]));
  }

  ExitStatus End(int signal) {
    daemon_->Signal(signal);
    return daemon_->Wait();
  }

  // What it says when it can't start: one line on standard error.
  std::string RefusalOf(const std::vector<std::string>& arguments) {
    const std::string log = absl::StrCat("refused.", ++refusals_);
    const ExitStatus exit = Spawn(arguments, log).Wait();
    EXPECT_EQ(exit.signal, 0) << exit.ToString();
    EXPECT_NE(exit.exit_code, 0);
    std::vector<std::string> errors;
    for (const absl::string_view line : absl::StrSplit(ReadFile(folder_.Path(log)).value_or(""), '\n')) {
      if (!line.empty() && line[0] != '{') errors.emplace_back(line);  // The rest is its log.
    }
    EXPECT_EQ(errors.size(), 1) << ReadFile(folder_.Path(log)).value_or("");
    return errors.empty() ? "" : errors[0];
  }

  std::string RefusalWith(const std::string& flag, const std::string& value) {
    std::vector<std::string> arguments = Arguments();
    const auto found = std::find(arguments.begin(), arguments.end(), flag);
    if (found == arguments.end()) {
      arguments.insert(arguments.end(), {flag, value});
    } else {
      *(found + 1) = value;
    }
    return RefusalOf(arguments);
  }

  v1::ListAgreementsResponse List(const std::string& sweep_id) {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(10));
    v1::ListAgreementsRequest request;
    request.set_sweep_id(sweep_id);
    v1::ListAgreementsResponse response;
    const grpc::Status status = stub_->ListAgreements(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  grpc::StatusCode GetCode(const std::string& sibling_set_id) {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(10));
    v1::GetAgreementRequest request;
    request.set_sibling_set_id(sibling_set_id);
    v1::GetAgreementResponse response;
    return stub_->GetAgreement(&context, request, &response).error_code();
  }

  // The page, or the error's code as text.
  std::string Report(const std::string& sweep_id) {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(10));
    v1::GetReportRequest request;
    request.set_sweep_id(sweep_id);
    v1::GetReportResponse response;
    const grpc::Status status = stub_->GetReport(&context, request, &response);
    return status.ok() ? response.html() : absl::StrCat("code ", status.error_code());
  }

  void Finish(const std::string& sibling_set_id, const std::string& content) {
    agree_.Prepare(sibling_set_id, TestAnswer(TestRequest("sweep", sibling_set_id, content)));
    coordinator_.Append(FinishedEvent("sweep", sibling_set_id, content));
  }

  bool AwaitAgreements(int count) {
    return WaitFor([&] { return List("sweep").agreements_size() == count; });
  }

  TempFolder folder_;
  const std::string db_ = folder_.Path("results.db");
  FakeCoordinator coordinator_;
  FakeAgree agree_{folder_.path()};
  std::optional<Subprocess> daemon_;
  std::string http_;
  std::unique_ptr<v1::ResultsService::Stub> stub_;
  int refusals_ = 0;
};

TEST_F(ResultsDaemonTest, RefusesWrongFlags) {
  EXPECT_THAT(RefusalWith("--coordinator", "nowhere"), HasSubstr("--coordinator: found \"nowhere\""));
  EXPECT_THAT(RefusalWith("--listen", "127.0.0.1:99999"), HasSubstr("--listen"));
  EXPECT_THAT(RefusalWith("--http", ":1"), HasSubstr("--http"));
  EXPECT_THAT(RefusalWith("--threads", "-1"), HasSubstr("--threads: found -1"));
  EXPECT_THAT(RefusalWith("--memory-mib", "-1"), HasSubstr("--memory-mib: found -1"));
  EXPECT_THAT(RefusalWith("--sets-at-once", "0"), HasSubstr("--sets-at-once: found 0"));
  EXPECT_THAT(RefusalWith("--agree", folder_.Path("nowhere")), HasSubstr("--agree: "));
  EXPECT_THAT(RefusalWith("--agre", "x"), StartsWith("seedbed-results: "));
  EXPECT_THAT(RefusalWith("--db", "/sys/results.db"), HasSubstr("/sys/results.db"));
  EXPECT_THAT(RefusalOf({}), HasSubstr("required"));
}

TEST_F(ResultsDaemonTest, RefusesWhatIsTaken) {
  Start();
  EXPECT_THAT(RefusalWith("--http", "127.0.0.1:0"), AllOf(HasSubstr(db_), HasSubstr("another results service")));
  ASSERT_TRUE(WriteFileDurably(folder_.Path("unused"), "").ok());
  std::vector<std::string> arguments = Arguments();
  *(std::find(arguments.begin(), arguments.end(), "--db") + 1) = folder_.Path("other.db");
  *(std::find(arguments.begin(), arguments.end(), "--listen") + 1) = coordinator_.address();
  EXPECT_THAT(RefusalOf(arguments), HasSubstr(coordinator_.address()));
  EXPECT_EQ(End(SIGTERM).exit_code, 0) << "the first one is unharmed";
}

TEST_F(ResultsDaemonTest, ComputesServesAndStops) {
  Finish("a", "content a");
  Start();
  ASSERT_TRUE(AwaitAgreements(1));
  const v1::ListAgreementsResponse response = List("sweep");
  EXPECT_EQ(response.last_event(), 1);
  EXPECT_THAT(response.pending_sibling_set_ids(), IsEmpty());
  EXPECT_EQ(response.agreements(0).siblings().pw_mcc(), 0.5);
  EXPECT_EQ(response.agreements(0).sae().hookpoint(), "layers.9");
  EXPECT_EQ(GetCode("a"), grpc::StatusCode::OK);
  EXPECT_EQ(GetCode("b"), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(GetCode(""), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(List("unknown").agreements_size(), 0);
  EXPECT_THAT(HttpGet(http_, "/healthz"), HasSubstr("200 OK"));
  EXPECT_THAT(HttpGet(http_, "/metrics"),
              AllOf(HasSubstr("seedbed_results_agreements_computed_total 1"), HasSubstr("seedbed_results_last_event 1"),
                    HasSubstr("seedbed_results_coordinator_connected 1"),
                    HasSubstr("seedbed_results_agreement_seconds_count 1")));
  const ExitStatus exit = End(SIGTERM);
  EXPECT_TRUE(exit.ok()) << exit.ToString();
  EXPECT_FALSE(PathExists(db_ + ".agree")) << "nothing temporary is left";
}

TEST_F(ResultsDaemonTest, ServesTheReportLiveAndByRpc) {
  Finish("a", "content a");
  Start();
  ASSERT_TRUE(AwaitAgreements(1));
  const std::string page = Report("sweep");
  EXPECT_THAT(page, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("Agreement of sweep sweep"),
                          HasSubstr("layers.9 topk, 512 latents, k 16"), HasSubstr("0.5000")));
  EXPECT_THAT(HttpGet(http_, "/report/sweep"), AllOf(HasSubstr("200 OK"), HasSubstr("text/html"), HasSubstr(page)));
  EXPECT_EQ(Report("unknown"), absl::StrCat("code ", grpc::StatusCode::NOT_FOUND));
  EXPECT_EQ(Report(""), absl::StrCat("code ", grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(HttpGet(http_, "/report/unknown"), AllOf(HasSubstr("404"), HasSubstr("\"unknown\": no sibling set")));
  EXPECT_THAT(HttpGet(http_, "/report/"), HasSubstr("400"));
  agree_.SetMode("hang");
  Finish("b", "content b");
  EXPECT_TRUE(WaitFor([&] { return absl::StrContains(Report("sweep"), "sibling set b is still being compared"); }));
}

// Killed while it computes: nothing is lost, and what was stored is not computed again.
TEST_F(ResultsDaemonTest, SurvivesKillNineInTheMiddle) {
  Finish("a", "content a");
  Start();
  ASSERT_TRUE(AwaitAgreements(1));
  agree_.SetMode("hang");
  Finish("b", "content b");
  Finish("c", "content c");
  ASSERT_TRUE(WaitFor([&] { return agree_.Runs().size() == 2 && List("sweep").last_event() == 3; }));
  EXPECT_THAT(List("sweep").pending_sibling_set_ids(), ElementsAre("b", "c"));
  EXPECT_THAT(HttpGet(http_, "/metrics"), HasSubstr("seedbed_results_sibling_sets_pending 2"));
  EXPECT_EQ(GetCode("b"), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(End(SIGKILL).signal, SIGKILL);
  kill(agree_.Pids().back(), SIGKILL);  // A real seedbed-agree dies with its parent.

  agree_.SetMode("ok");
  Start();
  ASSERT_TRUE(AwaitAgreements(3));
  EXPECT_THAT(agree_.Runs(), ElementsAre("a", "b", "b", "c"));
}

// Killed again and again at whatever moment, while sets keep finishing.
TEST_F(ResultsDaemonTest, SurvivesManyKills) {
  for (int i = 0; i < 6; ++i) {
    Finish(absl::StrCat("set-", i), absl::StrCat("content ", i));
    Start();
    const int wait_for = i % 2 == 0 ? i / 2 + 1 : 0;  // Every other time it is killed as soon as it serves.
    ASSERT_TRUE(WaitFor([&] { return List("sweep").agreements_size() >= wait_for; }));
    End(SIGKILL);
  }
  Start();
  ASSERT_TRUE(AwaitAgreements(6));
  EXPECT_EQ(List("sweep").last_event(), 6);
  EXPECT_THAT(List("sweep").pending_sibling_set_ids(), IsEmpty());
}

TEST_F(ResultsDaemonTest, ServesWhileTheCoordinatorIsGone) {
  Finish("a", "content a");
  Start();
  ASSERT_TRUE(AwaitAgreements(1));
  coordinator_.Stop();
  EXPECT_TRUE(WaitFor(
      [&] { return absl::StrContains(HttpGet(http_, "/metrics"), "seedbed_results_coordinator_connected 0"); }));
  EXPECT_EQ(List("sweep").agreements_size(), 1);
  Finish("b", "content b");
  coordinator_.Start();
  EXPECT_TRUE(AwaitAgreements(2));
}

}  // namespace
}  // namespace seedbed
