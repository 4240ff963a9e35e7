// The commands against stand-ins for the coordinator and the results service: what they print and how they exit.
#include "client/cli.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "client/submit.h"
#include "common/file.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "seedbed/v1/results.grpc.pb.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

int Lines(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "the coordinator stops");

// Never sleeps long: what a command waits for comes from other threads.
class FakeInterrupts final : public Interrupts {
 public:
  void Hold() override {}
  bool Wait(absl::Duration duration) override {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&interrupted_), std::min(duration, absl::Milliseconds(5)));
  }
  void Interrupt() {
    absl::MutexLock lock(&mutex_);
    interrupted_ = true;
  }

 private:
  absl::Mutex mutex_;
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
};

// Answers with what the test has put in; the hooks see the requests.
class FakeSweepService final : public v1::SweepService::Service {
 public:
  std::function<grpc::Status(const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*)> submit;
  std::function<grpc::Status(grpc::ServerContext*, const v1::WatchSweepRequest&,
                             grpc::ServerWriter<v1::WatchSweepResponse>*)>
      watch;
  std::vector<v1::ListSweepsResponse> sweep_pages;
  std::vector<v1::ListRunsResponse> run_pages;
  v1::ListWorkersResponse workers;
  v1::ListUsersResponse users;
  v1::ExplainRunResponse explanation;
  std::vector<std::string> changes;  // That were asked for: "pause s1 s1-r0 s1-r2".
  v1::Sweep sweep;
  std::string results_address;

  grpc::Status SubmitSweep(grpc::ServerContext*, const v1::SubmitSweepRequest* request,
                           v1::SubmitSweepResponse* response) override {
    return submit(*request, response);
  }
  grpc::Status WatchSweep(grpc::ServerContext* context, const v1::WatchSweepRequest* request,
                          grpc::ServerWriter<v1::WatchSweepResponse>* writer) override {
    return watch(context, *request, writer);
  }
  grpc::Status GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request,
                        v1::GetSweepResponse* response) override {
    if (request->sweep_id() != sweep.sweep_id()) return NoSuchSweep(request->sweep_id());
    *response->mutable_sweep() = sweep;
    return grpc::Status::OK;
  }
  grpc::Status CancelSweep(grpc::ServerContext*, const v1::CancelSweepRequest* request,
                           v1::CancelSweepResponse* response) override {
    if (request->sweep_id() != sweep.sweep_id()) return NoSuchSweep(request->sweep_id());
    *response->mutable_sweep() = sweep;
    return grpc::Status::OK;
  }
  grpc::Status PauseSweep(grpc::ServerContext*, const v1::PauseSweepRequest* request,
                          v1::PauseSweepResponse* response) override {
    return Change("pause", *request, response);
  }
  grpc::Status ResumeSweep(grpc::ServerContext*, const v1::ResumeSweepRequest* request,
                           v1::ResumeSweepResponse* response) override {
    return Change("resume", *request, response);
  }
  grpc::Status RetrySweep(grpc::ServerContext*, const v1::RetrySweepRequest* request,
                          v1::RetrySweepResponse* response) override {
    return Change("retry", *request, response);
  }
  grpc::Status ExplainRun(grpc::ServerContext*, const v1::ExplainRunRequest*,
                          v1::ExplainRunResponse* response) override {
    *response = explanation;
    return grpc::Status::OK;
  }
  grpc::Status DrainWorker(grpc::ServerContext*, const v1::DrainWorkerRequest* request,
                           v1::DrainWorkerResponse* response) override {
    response->mutable_worker()->set_name(request->worker());
    response->mutable_worker()->set_draining(!request->undo());
    return grpc::Status::OK;
  }
  grpc::Status ListUsers(grpc::ServerContext*, const v1::ListUsersRequest*, v1::ListUsersResponse* response) override {
    *response = users;
    return grpc::Status::OK;
  }
  grpc::Status SetQuota(grpc::ServerContext*, const v1::SetQuotaRequest* request,
                        v1::SetQuotaResponse* response) override {
    response->mutable_user()->set_name(request->user());
    response->mutable_user()->set_most_slots(request->most_slots());
    response->mutable_user()->set_share(request->share());
    return grpc::Status::OK;
  }
  grpc::Status BackUp(grpc::ServerContext*, const v1::BackUpRequest* request, v1::BackUpResponse* response) override {
    changes.push_back(absl::StrCat("backup ", request->path()));
    response->set_last_event(7);
    return grpc::Status::OK;
  }
  grpc::Status ListSweeps(grpc::ServerContext*, const v1::ListSweepsRequest* request,
                          v1::ListSweepsResponse* response) override {
    return Page(sweep_pages, request->page_token(), response);
  }
  grpc::Status ListRuns(grpc::ServerContext*, const v1::ListRunsRequest* request,
                        v1::ListRunsResponse* response) override {
    return Page(run_pages, request->page_token(), response);
  }
  grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                           v1::ListWorkersResponse* response) override {
    *response = workers;
    return grpc::Status::OK;
  }
  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    response->set_results_address(results_address);
    return grpc::Status::OK;
  }

 private:
  template <typename Request, typename Response>
  grpc::Status Change(const std::string& what, const Request& request, Response* response) {
    std::string change = absl::StrCat(what, " ", request.sweep_id());
    for (const std::string& run_id : request.run_ids()) absl::StrAppend(&change, " ", run_id);
    changes.push_back(change);
    *response->mutable_sweep() = sweep;
    return grpc::Status::OK;
  }
  static grpc::Status NoSuchSweep(const std::string& sweep_id) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, absl::StrCat("sweep ", sweep_id, ": there is none of this id"));
  }
  // Tokens are the pages' numbers.
  template <typename Response>
  static grpc::Status Page(const std::vector<Response>& pages, const std::string& token, Response* response) {
    const size_t number = token.empty() ? 0 : std::stoul(token);
    if (number < pages.size()) *response = pages[number];
    if (number + 1 < pages.size()) response->set_next_page_token(absl::StrCat(number + 1));
    return grpc::Status::OK;
  }
};

class FakeResultsService final : public v1::ResultsService::Service {
 public:
  // Answered one after another; the last one again and again.
  std::vector<v1::ListAgreementsResponse> answers = {{}};

  grpc::Status ListAgreements(grpc::ServerContext*, const v1::ListAgreementsRequest*,
                              v1::ListAgreementsResponse* response) override {
    absl::MutexLock lock(&mutex_);
    *response = answers[std::min(calls_++, answers.size() - 1)];
    return grpc::Status::OK;
  }
  grpc::Status GetReport(grpc::ServerContext*, const v1::GetReportRequest* request,
                         v1::GetReportResponse* response) override {
    if (!report.ok()) return ToGrpcStatus(report.status());
    response->set_html(absl::StrCat(request->sweep_id(), ": ", *report));
    return grpc::Status::OK;
  }

  absl::StatusOr<std::string> report = "";

 private:
  absl::Mutex mutex_;
  size_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

constexpr char kSweepFile[] =
    "name: n\nmodel: {path: /m}\ndata: {tokens: /t, sequence_length: 2, max_tokens: 2}\n"
    "sae:\n  hookpoints: [layers.0]\n  latents: [8]\n  k: [2, 9]\n  seeds: [0, 1]\n";

class CliTest : public testing::Test {
 protected:
  CliTest() {
    auto server = RpcServer::Start("127.0.0.1", 0, {&sweeps_, &results_});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    address_ = absl::StrCat("127.0.0.1:", server_->port());
    sweeps_.results_address = address_;
    sweep_file_ = absl::StrCat(testing::TempDir(), "/cli_test_", getpid(), ".yaml");
    EXPECT_TRUE(WriteFileDurably(sweep_file_, kSweepFile).ok());
    sweeps_.submit = [](const v1::SubmitSweepRequest& request, v1::SubmitSweepResponse* response) {
      if (!request.validate_only()) response->mutable_sweep()->set_sweep_id("s1");
      return grpc::Status::OK;
    };
  }
  ~CliTest() override { RemoveAll(sweep_file_).IgnoreError(); }

  int Run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), {"--server", address_});
    return RunCli(arguments, console_);
  }
  std::string Out() const { return out_.str(); }
  std::string Err() const { return err_.str(); }

  FakeSweepService sweeps_;
  FakeResultsService results_;
  std::unique_ptr<RpcServer> server_;
  std::string address_;
  std::string sweep_file_;
  FakeInterrupts interrupts_;
  std::ostringstream out_, err_;
  Console console_{&out_, &err_, &interrupts_};
};

TEST_F(CliTest, WrongUsageIsOneLineAndExitCodeTwo) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"lst"},
                                                       {"--bogus"},
                                                       {"list", "extra"},
                                                       {"get"},
                                                       {"submit"},
                                                       {"get", "a", "b"},
                                                       {"list", "--output", "xml"},
                                                       {"up", "--port", "many"},
                                                       {"up", "--threads-per-slot", "0"},
                                                       {"submit", "/nonexistent.yaml"}};
  for (const auto& arguments : wrong) {
    EXPECT_EQ(Run(arguments), 2) << Err();
    EXPECT_THAT(Err(), AllOf(StartsWith("seedbed: "), EndsWith("\n")));
    EXPECT_EQ(Lines(Err()), 1);
    EXPECT_THAT(Out(), IsEmpty());
  }
}

TEST_F(CliTest, AWrongServerAddressIsNamed) {
  EXPECT_EQ(RunCli({"list", "--server", "nowhere"}, console_), 2);
  EXPECT_EQ(Err(), "seedbed: --server: found \"nowhere\"; HOST:PORT is needed, port 0..65535\n");
}

TEST_F(CliTest, HelpAndVersionNeedNoServer) {
  server_.reset();
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(Out(), HasSubstr("submit"));
  EXPECT_EQ(Run({"version"}), 0);
  EXPECT_THAT(Out(), StartsWith("seedbed "));
  EXPECT_EQ(Run({"version", "--output", "json"}), 0);
  EXPECT_TRUE(nlohmann::json::parse(Out()).contains("version"));
}

TEST_F(CliTest, WhatTheCoordinatorItselfCannotServeIsToldInItsWords) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(absl::UnavailableError("worker w did not answer within 1m"));
  };
  SubmitOptions options;
  options.server = address_;
  options.file = sweep_file_;
  options.retry_for = absl::ZeroDuration();
  EXPECT_EQ(RunSubmit(options, console_), absl::UnavailableError("worker w did not answer within 1m"));
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(
        FieldViolationsError({{"spec.sae.hookpoints[0]", "needs a worker"}}, absl::StatusCode::kUnavailable));
  };
  EXPECT_EQ(RunSubmit(options, console_),
            absl::UnavailableError(absl::StrCat(sweep_file_, ":5: sae.hookpoints[0]: needs a worker")));
}

TEST_F(CliTest, ASubmissionThatTakesLongCanBeInterrupted) {
  // Shared: the service may use it after this test is done with it.
  const auto release = std::make_shared<absl::Notification>();
  sweeps_.submit = [this, release](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    interrupts_.Interrupt();
    release->WaitForNotification();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  EXPECT_THAT(Err(), AllOf(StartsWith("seedbed: stopped waiting for the coordinator's answer"), HasSubstr(" list")));
  release->Notify();
}

TEST_F(CliTest, AnUnreachableServerIsOneLineWithAddressAndHint) {
  server_.reset();
  for (const char* command : {"list", "workers"}) {
    EXPECT_EQ(Run({command}), 1);
    EXPECT_THAT(Err(), AllOf(StartsWith("seedbed: can't reach the coordinator at " + address_), HasSubstr("seedbed up"),
                             EndsWith("--server\n")));
    EXPECT_EQ(Lines(Err()), 1);
  }
}

TEST_F(CliTest, ListTakesAllPages) {
  sweeps_.sweep_pages = {Parse<v1::ListSweepsResponse>("sweeps { sweep_id: 's2' spec { name: 'b' } }"),
                         Parse<v1::ListSweepsResponse>("sweeps { sweep_id: 's1' spec { name: 'a' } state: "
                                                       "SWEEP_STATE_FAILED run_counts { key: 'failed' value: 1 } "
                                                       "run_counts { key: 'succeeded' value: 2 } }")};
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("s2"), HasSubstr("s1"), HasSubstr("2 succeeded, 1 failed")));
  EXPECT_EQ(Run({"list", "--output", "json"}), 0);
  const auto json = nlohmann::json::parse(Out());
  ASSERT_THAT(json["sweeps"], SizeIs(2));
  EXPECT_EQ(json["sweeps"][1]["sweep_id"], "s1");
}

TEST_F(CliTest, RunsTakesAllPagesAndShowsResultsAndFailures) {
  sweeps_.run_pages = {
      Parse<v1::ListRunsResponse>("runs { run_id: 'r0' state: RUN_STATE_SUCCEEDED result { steps: 4080 batch_hash: "
                                  "'0123456789abcdef' metrics { fvu: 0.165 } dictionary { path: '/x/r0' } } }"),
      Parse<v1::ListRunsResponse>("runs { run_id: 'r1' state: RUN_STATE_FAILED failure { kind: FAILURE_KIND_NOT_FINITE "
                                  "message: 'NaN in step 7' } }")};
  EXPECT_EQ(Run({"runs", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("4,080"), HasSubstr("01234567  /x/r0"), HasSubstr("not finite: NaN in step 7")));
  EXPECT_EQ(Run({"runs", "s1", "--output", "json"}), 0);
  EXPECT_THAT(nlohmann::json::parse(Out())["runs"], SizeIs(2));
}

TEST_F(CliTest, WorkersShowsSlots) {
  sweeps_.workers = Parse<v1::ListWorkersResponse>(
      "workers { name: 'local' connected: true slots { slot_id: 'cpu:0' } slots { slot_id: 'cpu:1' } ranks { state: "
      "RANK_STATE_RUNNING } ranks { state: RANK_STATE_EXITED } }");
  EXPECT_EQ(Run({"workers"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("connected"), HasSubstr("cpu:0, cpu:1     1")));
}

TEST_F(CliTest, GetAndCancelShowTheSweepAndNameAnUnknownOne) {
  sweeps_.sweep = Parse<v1::Sweep>(
      "sweep_id: 's1' state: SWEEP_STATE_CANCELLED gangs { gang_id: 'g9' attempt: 2 placements { worker: 'w' slot: 'c' "
      "} }");
  EXPECT_EQ(Run({"get", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("cancelled"), HasSubstr("g9"), HasSubstr("w/c")));
  EXPECT_EQ(Run({"cancel", "s1"}), 0);
  EXPECT_EQ(Out(), "sweep s1 cancelled\n");
  EXPECT_EQ(Run({"cancel", "s1", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["sweep"]["state"], "SWEEP_STATE_CANCELLED");
  for (const char* command : {"get", "cancel", "results"}) {
    EXPECT_EQ(Run({command, "s7"}), 2);
    EXPECT_EQ(Err(), "seedbed: sweep s7: there is none of this id\n");
  }
}

TEST_F(CliTest, ChangesASweepOrSomeOfItsRuns) {
  sweeps_.sweep = Parse<v1::Sweep>(
      "sweep_id: 's1' state: SWEEP_STATE_RUNNING run_counts { key: 'held' value: 2 } run_counts { key: 'queued' value: "
      "1 }");
  EXPECT_EQ(Run({"pause", "s1", "s1-r0", "s1-r2"}), 0);
  EXPECT_EQ(Out(), "sweep s1 running: 1 queued, 2 held\n");
  EXPECT_EQ(Run({"resume", "s1"}), 0);
  EXPECT_EQ(Run({"retry", "s1", "s1-r1", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["sweep"]["sweep_id"], "s1");
  EXPECT_THAT(sweeps_.changes, ElementsAre("pause s1 s1-r0 s1-r2", "resume s1", "retry s1 s1-r1"));
  EXPECT_EQ(Run({"pause"}), 2);
  EXPECT_THAT(Err(), HasSubstr("SWEEP is required"));
}

TEST_F(CliTest, ExplainSaysWhyARunWaitsOrWhereItRuns) {
  sweeps_.explanation = Parse<v1::ExplainRunResponse>(
      "run { run_id: 's1-r0' state: RUN_STATE_QUEUED } gang { gang_id: 's1-g0' } wait { explanation: 'comes next' }");
  EXPECT_EQ(Run({"explain", "s1-r0"}), 0);
  EXPECT_EQ(Out(), "run s1-r0 is queued; its gang s1-g0 comes next\n");
  sweeps_.explanation = Parse<v1::ExplainRunResponse>(
      "run { run_id: 's1-r0' state: RUN_STATE_TRAINING } gang { gang_id: 's1-g0' placements { worker: 'w' slot: "
      "'cpu:0' } }");
  EXPECT_EQ(Run({"explain", "s1-r0"}), 0);
  EXPECT_EQ(Out(), "run s1-r0 is training; its gang s1-g0 is on w/cpu:0\n");
  sweeps_.explanation = Parse<v1::ExplainRunResponse>(
      "run { run_id: 's1-r0' state: RUN_STATE_FAILED failure { message: 'no such file' } } gang { gang_id: 's1-g0' }");
  EXPECT_EQ(Run({"explain", "s1-r0"}), 0);
  EXPECT_EQ(Out(), "run s1-r0 is failed: no such file\n");
}

TEST_F(CliTest, GetSaysWhyGangsWait) {
  sweeps_.sweep = Parse<v1::Sweep>(
      "sweep_id: 's1' state: SWEEP_STATE_QUEUED spec { scheduling { user: 'anna' priority: 7 } } gangs { gang_id: "
      "'s1-g0' state: GANG_STATE_QUEUED } waits { gang_id: 's1-g0' explanation: 'comes next: wants 2 slots' }");
  EXPECT_EQ(Run({"get", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("anna"), HasSubstr("priority"), HasSubstr("comes next: wants 2 slots")));
}

TEST_F(CliTest, DrainsWorkersAndSetsQuotas) {
  EXPECT_EQ(Run({"drain", "w1"}), 0);
  EXPECT_EQ(Out(), "worker w1 drains: it gets no more ranks\n");
  EXPECT_EQ(Run({"drain", "w1", "--undo"}), 0);
  EXPECT_EQ(Out(), "worker w1 takes ranks\n");
  EXPECT_EQ(Run({"quota", "anna", "--most-slots", "4", "--share", "0.5"}), 0);
  EXPECT_EQ(Out(), "user anna: at most 4 slots at once, share 0.5\n");
  EXPECT_EQ(Run({"quota", "anna"}), 0);
  EXPECT_EQ(Out(), "user anna: any number of slots at once, share 1\n");
  sweeps_.users = Parse<v1::ListUsersResponse>("users { name: 'anna' share: 0.5 slots_held: 3 recent_slots: 1.25 }");
  EXPECT_EQ(Run({"users"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("anna    0.5           -           3           1.25")));
}

TEST_F(CliTest, BacksUpToAnAbsolutePath) {
  EXPECT_EQ(Run({"backup", "/x/../copy.db"}), 0);
  EXPECT_EQ(Out(), "wrote 7 events to /copy.db\n");
  EXPECT_THAT(sweeps_.changes, ElementsAre("backup /copy.db"));
}

TEST_F(CliTest, DryRunPrintsWhatEachGangWillTake) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse* response) {
    *response = Parse<v1::SubmitSweepResponse>(
        "sweep { gangs { gang_id: 'g0' run_ids: 'r0' } gangs { gang_id: 'g1' run_ids: 'r1' } } forecasts { gang_id: "
        "'g0' "
        "ranks: 2 rank_memory_bytes: 1234567 seconds: 45 device: DEVICE_KIND_CUDA } forecasts { gang_id: 'g1' seconds: "
        "-1 }");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--dry-run"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("cuda      1,234,567  45 s"), HasSubstr("-     not known yet  not known yet")));
}

TEST_F(CliTest, SubmitWaitsAsLongAsItIsTold) {
  int calls = 0;
  sweeps_.submit = [&calls](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse* response) {
    if (++calls == 1) return ToGrpcStatus(RetryLaterError("too fast", absl::Milliseconds(20)));
    response->mutable_sweep()->set_sweep_id("s1");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 0);
  EXPECT_EQ(calls, 2);
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(RetryLaterError("too fast", absl::Hours(1)));
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 1);
  EXPECT_EQ(Err(), "seedbed: too fast; try again in 1h\n");
}

TEST_F(CliTest, ResultsShowsAgreementsAndSaysWhenNoServiceIsKnown) {
  sweeps_.sweep.set_sweep_id("s1");
  results_.answers = {
      Parse<v1::ListAgreementsResponse>("agreements { sibling_set_id: 'b' siblings { pw_mcc: 0.25 } }")};
  sweeps_.run_pages = {Parse<v1::ListRunsResponse>(
      "runs { run_id: 'r0' state: RUN_STATE_SUCCEEDED sae { hookpoint: 'layers.9' architecture: 'relu' latents: 8 } "
      "result { target_l0_missed: true } }")};
  EXPECT_EQ(Run({"results", "s1"}), 0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("PW-MCC 0.2500"), HasSubstr("TARGET L0 MISSED: run r0 (layers.9 relu, 8 ")));
  EXPECT_EQ(Run({"results", "s1", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["agreements"][0]["siblings"]["pw_mcc"], 0.25);
  sweeps_.results_address = "";
  EXPECT_EQ(Run({"results", "s1"}), 1);
  EXPECT_THAT(Err(), HasSubstr("knows of no results service"));
  sweeps_.results_address = "127.0.0.1:1";
  EXPECT_EQ(Run({"results", "s1"}), 1);
  EXPECT_THAT(Err(), StartsWith("seedbed: can't reach the results service at 127.0.0.1:1 ("));
}

TEST_F(CliTest, ReportWritesThePageAndPrintsItsPath) {
  const std::string path = sweep_file_ + ".html";
  sweeps_.sweep.set_sweep_id("s1");
  results_.report = "<!DOCTYPE html>";
  EXPECT_EQ(Run({"report", "s1", "-o", path}), 0) << Err();
  EXPECT_EQ(Out(), path + "\n");
  EXPECT_EQ(ReadFile(path).value_or(""), "s1: <!DOCTYPE html>");
  results_.report = "again";
  EXPECT_EQ(Run({"report", "s1", "-o", path, "--output", "json"}), 0) << Err();
  EXPECT_EQ(nlohmann::json::parse(Out())["path"], path);
  EXPECT_EQ(ReadFile(path).value_or(""), "s1: again");
  EXPECT_TRUE(RemoveAll(path).ok());
}

TEST_F(CliTest, ReportWithoutAPageLeavesTheFileAsItWas) {
  const std::string path = sweep_file_ + ".html";
  ASSERT_TRUE(WriteFileDurably(path, "before").ok());
  sweeps_.sweep.set_sweep_id("s1");
  results_.report = absl::NotFoundError("sweep \"s1\": no sibling set of it has finished");
  EXPECT_EQ(Run({"report", "s1", "-o", path}), 2);
  EXPECT_EQ(Err(), "seedbed: sweep \"s1\": no sibling set of it has finished\n");
  EXPECT_EQ(Run({"report", "s7", "-o", path}), 2);
  EXPECT_EQ(Err(), "seedbed: sweep s7: there is none of this id\n");
  EXPECT_EQ(ReadFile(path).value_or(""), "before");
  EXPECT_TRUE(RemoveAll(path).ok());
  results_.report = "page";
  EXPECT_NE(Run({"report", "s1", "-o", "/nonexistent/report.html"}), 0);
  EXPECT_THAT(Err(), HasSubstr("/nonexistent/report.html"));
  EXPECT_EQ(Run({"report", "s1"}), 2) << "-o is needed";
}

TEST_F(CliTest, SubmitShowsTheLineOfAFieldThatTheServerRefuses) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) {
    return ToGrpcStatus(FieldViolationsError({{"sae.k[1]", "is 9; must be at most latents (8)"}}));
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 2);
  EXPECT_EQ(Err(), "seedbed: " + sweep_file_ + ":7: sae.k[1]: is 9; must be at most latents (8)\n");
  EXPECT_THAT(Out(), IsEmpty());
}

TEST_F(CliTest, SubmitTriesAgainWithTheSameKey) {
  std::vector<std::string> keys;
  sweeps_.submit = [&](const v1::SubmitSweepRequest& request, v1::SubmitSweepResponse* response) {
    keys.push_back(request.idempotency_key());
    if (keys.size() < 3) return kDown;
    response->mutable_sweep()->set_sweep_id("s1");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_}), 0) << Err();
  ASSERT_THAT(keys, SizeIs(3));
  EXPECT_THAT(keys[0], SizeIs(32));
  EXPECT_THAT(keys, ElementsAre(keys[0], keys[0], keys[0]));
  EXPECT_THAT(Out(), StartsWith("sweep s1 "));
  EXPECT_EQ(Run({"submit", sweep_file_, "--idempotency-key", "mine"}), 0);
  EXPECT_EQ(keys.back(), "mine");
  EXPECT_EQ(Run({"submit", sweep_file_}), 0);
  EXPECT_NE(keys.back(), keys[0]);
}

TEST_F(CliTest, SubmitGivesUpOnAServerThatStaysAway) {
  sweeps_.submit = [](const v1::SubmitSweepRequest&, v1::SubmitSweepResponse*) { return kDown; };
  SubmitOptions options;
  options.server = address_;
  options.file = sweep_file_;
  options.retry_for = absl::Milliseconds(600);
  const absl::Status status = RunSubmit(options, console_);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("(the coordinator stops)"));
}

TEST_F(CliTest, DryRunSubmitsNothingAndShowsWhatWouldBe) {
  sweeps_.submit = [](const v1::SubmitSweepRequest& request, v1::SubmitSweepResponse* response) {
    EXPECT_TRUE(request.validate_only());
    *response = Parse<v1::SubmitSweepResponse>(
        "steps_per_run: 4080 rows_per_epoch: 130560 runs { gang_id: 'g' sibling_set_id: 'a' sae { seed: 3 } } runs { "
        "gang_id: 'g' sibling_set_id: 'b' sae { seed: 4 } } sweep { spec { name: 'n' sae { hookpoints: "
        "['layers.0.mlp', "
        "'layers.1.mlp'] } } gangs { stream { folder_path: '/rows' } } }");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--dry-run"}), 0);
  EXPECT_THAT(Out(), HasSubstr("2 runs, sibling sets: 2, gangs: 1\n4,080 steps a run, 130,560 rows an epoch\n"));
  EXPECT_THAT(Out(), AllOf(HasSubstr("hookpoints  layers.0.mlp, layers.1.mlp"), HasSubstr("folder      /rows")));
  EXPECT_EQ(Run({"submit", sweep_file_, "--dry-run", "--output", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(Out())["steps_per_run"], "4080");
}

// A sweep of two runs whose watch breaks once in the middle.
class WaitTest : public CliTest {
 protected:
  WaitTest() {
    for (const char* text :
         {"number: 1 sweep_submitted { runs { run_id: 'r0' gang_id: 'g' } runs { run_id: 'r1' gang_id: 'g' } gangs { "
          "gang_id: 'g' run_ids: ['r0', 'r1'] } sibling_sets { sibling_set_id: 'b' } }",
          "number: 2 gang_placed { gang_id: 'g' attempt: 1 placements { worker: 'local' slot: 'cpu:0' } }",
          "number: 5 run_succeeded { run_id: 'r0' result { batch_hash: 'aa' } }",
          "number: 6 run_succeeded { run_id: 'r1' result { batch_hash: 'aa' } }"}) {
      events_.push_back(Parse<v1::Event>(text));
    }
    sweeps_.watch = [this](grpc::ServerContext*, const v1::WatchSweepRequest& request, auto* writer) {
      asked_after_.push_back(request.after_event());
      v1::WatchSweepResponse update;
      for (const v1::Event& event : events_) {
        if (event.number() <= request.after_event()) continue;
        *update.mutable_event() = event;
        writer->Write(update);
        if (event.number() == 2 && asked_after_.size() == 1) return kDown;
      }
      return grpc::Status::OK;
    };
    sweeps_.sweep = Parse<v1::Sweep>("sweep_id: 's1' state: SWEEP_STATE_SUCCEEDED");
    sweeps_.run_pages = {Parse<v1::ListRunsResponse>(
        "runs { run_id: 'r0' sibling_set_id: 'b' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r0' } } }"
        "runs { run_id: 'r1' sibling_set_id: 'b' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r1' } } "
        "}")};
    results_.answers = {Parse<v1::ListAgreementsResponse>("pending_sibling_set_ids: 'b'"),
                        Parse<v1::ListAgreementsResponse>(
                            "agreements { sibling_set_id: 'b' same_batches: true siblings { pw_mcc: 0.5 } }")};
  }

  std::vector<v1::Event> events_;
  std::vector<int64_t> asked_after_;
};

TEST_F(WaitTest, FollowsOverALostConnectionAndPrintsAgreementAndExports) {
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 0) << Err();
  EXPECT_THAT(asked_after_, ElementsAre(0, 2));
  EXPECT_THAT(Out(), AllOf(HasSubstr("gang 1 of 1: attempt 1 on local/cpu:0"), HasSubstr("trying again"),
                           HasSubstr("PW-MCC 0.5000"), HasSubstr("/x/r0"), HasSubstr("/x/r1"),
                           EndsWith("2 of 2 runs succeeded\n")));
  EXPECT_THAT(Out(), Not(HasSubstr("\x1b")));
}

TEST_F(WaitTest, AStreamThatEndsBeforeTheSweepDoesIsOpenedAgain) {
  const auto all = sweeps_.watch;
  sweeps_.watch = [this, all](grpc::ServerContext* context, const v1::WatchSweepRequest& request, auto* writer) {
    const grpc::Status status = all(context, request, writer);
    return asked_after_.size() == 1 ? grpc::Status::OK : status;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 0) << Err();
  EXPECT_THAT(asked_after_, ElementsAre(0, 2));
}

TEST_F(WaitTest, JsonIsOneObjectOnStandardOutput) {
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait", "--output", "json"}), 0);
  const auto json = nlohmann::json::parse(Out());
  EXPECT_EQ(json["sweep"]["sweep_id"], "s1");
  EXPECT_THAT(json["runs"], SizeIs(2));
  EXPECT_EQ(json["agreements"][0]["siblings"]["pw_mcc"], 0.5);
  EXPECT_THAT(Err(), HasSubstr("attempt 1 on local/cpu:0"));
}

TEST_F(WaitTest, AFailedRunFailsWithItsReasonAndLog) {
  events_[3] = Parse<v1::Event>("number: 6 run_failed { run_id: 'r1' failure { kind: FAILURE_KIND_RANK_DIED } }");
  sweeps_.sweep.set_state(v1::SWEEP_STATE_FAILED);
  *sweeps_.run_pages[0].mutable_runs(1) = Parse<v1::Run>(
      "run_id: 'r1' sibling_set_id: 'b' state: RUN_STATE_FAILED failure { kind: FAILURE_KIND_RANK_DIED message: "
      "'killed by signal 11' log_tail: 'last words' }");
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  EXPECT_THAT(Err(), HasSubstr("  | last words\nseedbed: sweep s1 did not succeed: run r1"));
  EXPECT_THAT(Err(), EndsWith("rank died: killed by signal 11\n"));
  EXPECT_THAT(Out(), HasSubstr("/x/r0"));
}

TEST_F(WaitTest, AnAgreementThatFailedFails) {
  results_.answers = {Parse<v1::ListAgreementsResponse>(
      "agreements { sibling_set_id: 'b' failure { kind: FAILURE_KIND_IO message: 'disk full' } }")};
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  EXPECT_THAT(Err(), EndsWith("no agreement of sibling set b: io: disk full\n"));
}

TEST_F(WaitTest, StoppingLeavesTheSweepAndSaysHowToComeBack) {
  sweeps_.watch = [this](grpc::ServerContext* context, const v1::WatchSweepRequest&, auto* writer) {
    v1::WatchSweepResponse update;
    *update.mutable_event() = events_[0];
    writer->Write(update);
    interrupts_.Interrupt();
    while (!context->IsCancelled()) usleep(1'000);
    return grpc::Status::CANCELLED;
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 1);
  const std::string command = "seedbed --server " + address_;
  EXPECT_EQ(Err(), "seedbed: stopped waiting; sweep s1 goes on: see \"" + command + " get s1\" and \"" + command +
                       " results s1\"\n");
}

TEST_F(WaitTest, ASweepThatTheServerForgotIsAnError) {
  sweeps_.watch = [](grpc::ServerContext*, const v1::WatchSweepRequest&, auto*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "sweep s1: there is none of this id");
  };
  EXPECT_EQ(Run({"submit", sweep_file_, "--wait"}), 2);
  EXPECT_EQ(Err(), "seedbed: sweep s1: there is none of this id\n");
}

}  // namespace
}  // namespace seedbed
