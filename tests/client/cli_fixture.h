// The command line against stand-ins for the coordinator and the results service.
#ifndef SEEDBED_TESTS_CLIENT_CLI_FIXTURE_H_
#define SEEDBED_TESTS_CLIENT_CLI_FIXTURE_H_

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
#include "client/cli.h"
#include "common/file.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/rpc/endpoint.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "seedbed/v1/results.grpc.pb.h"

namespace seedbed {

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

inline int Lines(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

inline const grpc::Status kDown(grpc::StatusCode::UNAVAILABLE, "the coordinator stops");

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

inline constexpr char kSweepFile[] =
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

}  // namespace seedbed

#endif  // SEEDBED_TESTS_CLIENT_CLI_FIXTURE_H_
