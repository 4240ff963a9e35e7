// The coordinator behind real gRPC and HTTP, in one process.
#include "server/coordinator/coordinator_server.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/rpc/status.h"
#include "seedbed/v1/coordinator.grpc.pb.h"
#include "seedbed/v1/worker.grpc.pb.h"
#include "tests/server/support/fake_event_store.h"
#include "tests/server/support/http_get.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::Duration kDeadline = absl::Seconds(60);

class CoordinatorServerTest : public testing::Test {
 protected:
  void SetUp() override {
    CoordinatorServer::Options options;
    options.listen = {"127.0.0.1", 0};
    options.http = {"127.0.0.1", 0};
    options.coordinator.version = "1.2.3";
    options.coordinator.inspections.first_worker = absl::ZeroDuration();
    auto started = CoordinatorServer::Start(options, &store_, Clock::Real());
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    channel_ = MakeChannel(absl::StrCat("127.0.0.1:", server_->port()));
    sweeps_ = v1::SweepService::NewStub(channel_);
    workers_ = v1::WorkerService::NewStub(channel_);
  }

  static std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    SetDeadline(*context, kDeadline);
    return context;
  }

  absl::Status Submit(const v1::SweepSpec& spec, v1::SubmitSweepResponse* response) {
    v1::SubmitSweepRequest request;
    *request.mutable_spec() = spec;
    return FromGrpcStatus(sweeps_->SubmitSweep(Context().get(), request, response));
  }

  absl::Status Submit(const v1::SweepSpec& spec) {
    v1::SubmitSweepResponse response;
    return Submit(spec, &response);
  }

  // A worker with one slot and its stream.
  struct WorkerStream {
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerReport, v1::WorkerDirective>> stream;
    v1::WorkerReport report;

    bool Report() {
      report.set_sequence(report.sequence() + 1);
      return stream->Write(report);
    }
    // Reads until a directive answers the newest report.
    v1::WorkerDirective Answer() {
      v1::WorkerDirective directive;
      while (directive.acknowledged_sequence() < report.sequence() && stream->Read(&directive)) {
      }
      return directive;
    }
    // Reads until it is asked to inspect a sweep, and finds nothing wrong with it.
    void Inspect() {
      v1::WorkerDirective directive;
      while (directive.inspections().empty() && stream->Read(&directive)) {
      }
      ASSERT_EQ(directive.inspections_size(), 1);
      v1::InspectionResult& result = *report.add_inspection_results();
      result.set_inspection_id(directive.inspections(0).inspection_id());
      *result.mutable_hookpoints() = directive.inspections(0).spec().sae().hookpoints();
      result.set_rows_per_epoch(1000);
      ASSERT_TRUE(Report());
      report.clear_inspection_results();
    }
  };

  WorkerStream Connect(const std::string& name, const std::string& instance) {
    WorkerStream worker;
    worker.context = Context();
    worker.stream = workers_->Session(worker.context.get());
    worker.report.set_worker_name(name);
    worker.report.set_instance_id(instance);
    v1::Slot& slot = *worker.report.add_slots();
    slot.set_slot_id("cpu:0");
    slot.set_device(v1::DEVICE_KIND_CPU);
    return worker;
  }

  std::unique_ptr<grpc::ClientReader<v1::WatchSweepResponse>> Watch(grpc::ClientContext* context,
                                                                    const std::string& sweep_id, int64_t after = 0,
                                                                    bool with_progress = false) {
    v1::WatchSweepRequest request;
    request.set_sweep_id(sweep_id);
    request.set_after_event(after);
    request.set_with_progress(with_progress);
    return sweeps_->WatchSweep(context, request);
  }

  void Cancel(const std::string& sweep_id) {
    v1::CancelSweepRequest request;
    request.set_sweep_id(sweep_id);
    v1::CancelSweepResponse response;
    EXPECT_TRUE(sweeps_->CancelSweep(Context().get(), request, &response).ok());
  }

  FakeEventStore store_;
  std::unique_ptr<CoordinatorServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SweepService::Stub> sweeps_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
};

TEST_F(CoordinatorServerTest, FieldViolationsArriveAsABadRequest) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_sae()->add_k(600);
  const absl::Status status = Submit(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::vector<FieldViolation> violations = GetFieldViolations(status);
  ASSERT_EQ(violations.size(), 1);
  EXPECT_EQ(violations[0].field, "spec.sae.k[1]");
  EXPECT_EQ(violations[0].description, "is 600; must be at most latents (512)");
}

TEST_F(CoordinatorServerTest, ManyFieldViolationsFitInTheTrailer) {
  v1::SweepSpec spec = DemoSweep();
  for (int i = 0; i < 3000; ++i) spec.mutable_sae()->add_hookpoints(absl::StrCat("wörng%", i));
  const absl::Status status = Submit(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetFieldViolations(status).size(), kMaxViolations);
}

TEST_F(CoordinatorServerTest, AnswersEveryUnaryCall) {
  v1::SubmitSweepResponse submitted;
  ASSERT_TRUE(Submit(DemoSweep(), &submitted).ok());
  EXPECT_EQ(submitted.sweep().sweep_id(), "s1");

  v1::GetSweepRequest get;
  get.set_sweep_id("s1");
  v1::GetSweepResponse got;
  ASSERT_TRUE(sweeps_->GetSweep(Context().get(), get, &got).ok());
  EXPECT_EQ(got.sweep().spec().name(), "topk-seeds");
  get.set_sweep_id("s9");
  EXPECT_EQ(sweeps_->GetSweep(Context().get(), get, &got).error_code(), grpc::StatusCode::NOT_FOUND);

  v1::ListSweepsResponse list;
  ASSERT_TRUE(sweeps_->ListSweeps(Context().get(), {}, &list).ok());
  EXPECT_EQ(list.sweeps_size(), 1);

  v1::ListRunsRequest runs_request;
  runs_request.set_sweep_id("s1");
  v1::ListRunsResponse runs;
  ASSERT_TRUE(sweeps_->ListRuns(Context().get(), runs_request, &runs).ok());
  EXPECT_EQ(runs.runs_size(), 3);

  v1::GetRunRequest run_request;
  run_request.set_run_id("s1-r1");
  v1::GetRunResponse run;
  ASSERT_TRUE(sweeps_->GetRun(Context().get(), run_request, &run).ok());
  EXPECT_EQ(run.run().sae().seed(), 1);

  v1::ListWorkersResponse workers;
  EXPECT_TRUE(sweeps_->ListWorkers(Context().get(), {}, &workers).ok());
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(sweeps_->GetServerInfo(Context().get(), {}, &info).ok());
  EXPECT_EQ(info.version(), "1.2.3");
  Cancel("s1");
}

TEST_F(CoordinatorServerTest, AWatchResumesFromAnEventNumberAndEndsWithTheSweep) {
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  auto context = Context();
  auto stream = Watch(context.get(), "s1");
  v1::WatchSweepResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.event().number(), 1);
  EXPECT_TRUE(response.event().has_sweep_submitted());
  Cancel("s1");
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.event().number(), 3);
  EXPECT_TRUE(response.event().has_sweep_cancelled());
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());

  auto resumed_context = Context();
  auto resumed = Watch(resumed_context.get(), "s1", 1);
  ASSERT_TRUE(resumed->Read(&response));
  EXPECT_EQ(response.event().number(), 3);
  EXPECT_FALSE(resumed->Read(&response));
  EXPECT_TRUE(resumed->Finish().ok());
}

TEST_F(CoordinatorServerTest, AWatchOfAllSweepsGoesOn) {
  auto context = Context();
  auto stream = Watch(context.get(), "");
  v1::WatchSweepResponse response;
  for (int number = 1; number <= 600; ++number) {
    ASSERT_TRUE(Submit(DemoSweep(1)).ok());
    if (number % 3 > 0) continue;
    // Three at a time, so that some are read as a page and some as they come.
    for (int i = number - 2; i <= number; ++i) {
      ASSERT_TRUE(stream->Read(&response));
      ASSERT_EQ(response.event().number(), i);
    }
  }
  context->TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(CoordinatorServerTest, AWatchOfNothingIsRefused) {
  v1::WatchSweepResponse response;
  auto context = Context();
  auto unknown = Watch(context.get(), "s9");
  EXPECT_FALSE(unknown->Read(&response));
  EXPECT_EQ(unknown->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  auto other_context = Context();
  auto negative = Watch(other_context.get(), "", -1);
  EXPECT_FALSE(negative->Read(&response));
  EXPECT_EQ(GetFieldViolations(FromGrpcStatus(negative->Finish())).at(0).field, "after_event");
}

TEST_F(CoordinatorServerTest, AWorkerTrainsOverItsStreamWhileAWatcherLooksOn) {
  WorkerStream worker = Connect("a", "1");
  ASSERT_TRUE(worker.Report());
  EXPECT_EQ(worker.Answer().lease_ms(), 15'000);
  std::thread submitter([this] { EXPECT_TRUE(Submit(DemoSweep(2)).ok()); });
  worker.Inspect();
  submitter.join();
  v1::WorkerDirective directive;
  while (directive.ranks().empty() && worker.stream->Read(&directive)) {
  }
  ASSERT_EQ(directive.ranks_size(), 1);
  auto context = Context();
  auto watch = Watch(context.get(), "s1", 2, /*with_progress=*/true);

  v1::RankStatus& rank = *worker.report.add_ranks();
  *rank.mutable_key() = directive.ranks(0).key();
  rank.set_slot_id(directive.ranks(0).slot_id());
  rank.set_state(v1::RANK_STATE_RUNNING);
  v1::RunProgress& progress = *rank.add_progress();
  progress.set_run_id("s1-r0");
  progress.set_step(5);
  ASSERT_TRUE(worker.Report());
  std::vector<std::string> seen;
  v1::WatchSweepResponse response;
  while (seen.size() < 2 && watch->Read(&response)) {
    seen.push_back(response.has_progress() ? absl::StrCat("progress ", response.progress().step())
                                           : absl::StrCat("state ", response.event().runs_advanced().state()));
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre("progress 5", absl::StrCat("state ", v1::RUN_STATE_TRAINING)));

  for (const char* run_id : {"s1-r0", "s1-r1"}) {
    v1::RunOutcome& outcome = *rank.add_outcomes();
    outcome.set_run_id(run_id);
    outcome.mutable_result()->set_steps(4080);
  }
  rank.set_state(v1::RANK_STATE_EXITED);
  ASSERT_TRUE(worker.Report());
  EXPECT_EQ(worker.Answer().ranks_size(), 0);
  std::vector<v1::Event::BodyCase> bodies;
  while (watch->Read(&response)) {
    if (response.has_event()) bodies.push_back(response.event().body_case());
  }
  EXPECT_TRUE(watch->Finish().ok());
  EXPECT_THAT(bodies,
              ElementsAre(v1::Event::kRunsAdvanced, v1::Event::kRunsAdvanced, v1::Event::kRunSucceeded,
                          v1::Event::kRunSucceeded, v1::Event::kGangAttemptEnded, v1::Event::kSiblingSetFinished));
  worker.stream->WritesDone();
  while (worker.stream->Read(&directive)) {
  }
  EXPECT_TRUE(worker.stream->Finish().ok());
}

TEST_F(CoordinatorServerTest, ASecondInstanceAndABadReportEndTheirStreams) {
  WorkerStream first = Connect("a", "1");
  ASSERT_TRUE(first.Report());
  first.Answer();
  WorkerStream second = Connect("a", "2");
  ASSERT_TRUE(second.Report());
  second.Answer();
  EXPECT_EQ(second.stream->Finish().error_code(), grpc::StatusCode::ALREADY_EXISTS);
  WorkerStream bad = Connect("a b", "1");
  ASSERT_TRUE(bad.Report());
  bad.Answer();
  EXPECT_EQ(bad.stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  // The first is gone without a farewell: its name is free again.
  first.context->TryCancel();
  first.stream->Finish();
  const absl::Time deadline = absl::Now() + kDeadline;
  grpc::Status ended;
  bool connected = false;
  while (!connected && absl::Now() < deadline) {
    WorkerStream third = Connect("a", "3");
    connected = third.Report() && third.Answer().lease_ms() == 15'000;
    if (!connected) ended = third.stream->Finish();
  }
  EXPECT_TRUE(connected) << ended.error_message();
}

TEST_F(CoordinatorServerTest, AShutdownEndsOpenStreams) {
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  WorkerStream worker = Connect("a", "1");
  ASSERT_TRUE(worker.Report());
  worker.Answer();
  auto context = Context();
  auto watch = Watch(context.get(), "");
  v1::WatchSweepResponse response;
  ASSERT_TRUE(watch->Read(&response));
  const absl::Time begin = absl::Now();
  server_->Shutdown(absl::Seconds(30));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20)) << "it did not wait for the grace to pass";
  while (watch->Read(&response)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  v1::WorkerDirective directive;
  while (worker.stream->Read(&directive)) {
  }
  EXPECT_EQ(worker.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CoordinatorServerTest, ASubmissionThatWaitsForAWorkerHoldsUpNobody) {
  WorkerStream worker = Connect("a", "1");
  ASSERT_TRUE(worker.Report());
  worker.Answer();
  std::thread submitter([this] { EXPECT_EQ(Submit(DemoSweep()).code(), absl::StatusCode::kUnavailable); });
  v1::WorkerDirective directive;
  while (directive.inspections().empty() && worker.stream->Read(&directive)) {
  }
  v1::ListSweepsResponse list;
  EXPECT_TRUE(sweeps_->ListSweeps(Context().get(), {}, &list).ok()) << "others are answered meanwhile";
  const absl::Time begin = absl::Now();
  server_->Shutdown(absl::Seconds(30));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20)) << "it did not wait for the worker";
  submitter.join();
  while (worker.stream->Read(&directive)) {
  }
  worker.stream->Finish();
}

TEST_F(CoordinatorServerTest, AWatcherThatDoesNotReadDoesNotHoldUpAShutdown) {
  auto context = Context();
  auto watch = Watch(context.get(), "");
  v1::SweepSpec spec = DemoSweep(1000);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Submit(spec).ok());
  const absl::Time begin = absl::Now();
  server_->Shutdown(absl::Milliseconds(500));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
  context->TryCancel();
  watch->Finish();
}

TEST_F(CoordinatorServerTest, ManyClientsAtOnce) {
  std::vector<std::thread> clients;
  std::atomic<int> accepted = 0;
  for (int client = 0; client < 8; ++client) {
    clients.emplace_back([&] {
      for (int i = 0; i < 20; ++i) accepted += Submit(DemoSweep(1)).ok();
      grpc::ClientContext context;
      SetDeadline(context, kDeadline);
      auto watch = Watch(&context, "s1");
      v1::WatchSweepResponse response;
      EXPECT_TRUE(watch->Read(&response));
      context.TryCancel();
      watch->Finish();
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(accepted, 160);
  EXPECT_EQ(store_.events().size(), 160);
}

TEST_F(CoordinatorServerTest, ServesMetricsAndHealth) {
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  const std::string metrics = HttpGet(server_->http_port(), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("seedbed_coordinator_sweeps{state=\"queued\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("seedbed_coordinator_rpc_seconds_count{code=\"OK\",method=\"SubmitSweep\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("seedbed_coordinator_events_appended_total 1"));
  EXPECT_THAT(HttpGet(server_->http_port(), "/healthz"), HasSubstr("200 OK"));
  store_.FailWith(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(Submit(DemoSweep()).code(), absl::StatusCode::kResourceExhausted);
  const std::string health = HttpGet(server_->http_port(), "/healthz");
  EXPECT_THAT(health, HasSubstr("503"));
  EXPECT_THAT(health, HasSubstr("disk full"));
}

}  // namespace
}  // namespace seedbed
