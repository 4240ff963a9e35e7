// A coordinator without gRPC: fake clock, store, alarm and workers.
#ifndef SEEDBED_TESTS_SERVER_COORDINATOR_COORDINATOR_FIXTURE_H_
#define SEEDBED_TESTS_SERVER_COORDINATOR_COORDINATOR_FIXTURE_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/status.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/coordinator_metrics.h"
#include "tests/server/support/fake_event_store.h"
#include "tests/server/support/fake_worker.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {

class FakeAlarm final : public Alarm {
 public:
  void WakeAfter(absl::Duration delay) override { earliest = std::min(earliest, delay); }
  absl::Duration earliest = absl::InfiniteDuration();
};

class CoordinatorFixture : public testing::Test {
 protected:
  // By default a coordinator does not wait for a first worker.
  explicit CoordinatorFixture(absl::Duration first_worker = absl::ZeroDuration()) {
    inspection_options_.first_worker = first_worker;
    Restart();
  }

  // As after a kill -9: what was in memory is gone.
  void Restart() {
    coordinator_.reset();
    alarm_.earliest = absl::InfiniteDuration();
    CoordinatorOptions options;
    options.results_address = "127.0.0.1:7700";
    options.version = "1.2.3";
    options.inspections = inspection_options_;
    auto recovered = Coordinator::Recover(options, {&store_, &clock_, &alarm_, &metrics_});
    ASSERT_TRUE(recovered.ok()) << recovered.status();
    coordinator_ = *std::move(recovered);
  }

  using Answer = absl::StatusOr<v1::SubmitSweepResponse>;

  // The answer comes when it comes: UNKNOWN until then.
  std::shared_ptr<Answer> BeginSubmit(const v1::SubmitSweepRequest& request) {
    auto answer = std::make_shared<Answer>(absl::UnknownError("not answered"));
    coordinator_->SubmitSweep(request, [answer](const Answer& given) {
      EXPECT_TRUE(absl::IsUnknown(answer->status())) << "answered twice";
      *answer = given;
    });
    return answer;
  }

  static v1::SubmitSweepRequest RequestOf(const v1::SweepSpec& spec, const std::string& key = "") {
    v1::SubmitSweepRequest request;
    *request.mutable_spec() = spec;
    request.set_idempotency_key(key);
    return request;
  }

  // While no worker is connected.
  Answer Submit(const v1::SweepSpec& spec, const std::string& key = "") { return *BeginSubmit(RequestOf(spec, key)); }

  // Inspected by the worker that is asked to.
  Answer Submit(const v1::SweepSpec& spec, FakeWorker& inspector) {
    const auto answer = BeginSubmit(RequestOf(spec));
    EXPECT_TRUE(inspector.Inspect().ok());
    return *answer;
  }

  // Ticks when the alarm would, at the latest every second.
  void Pass(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Seconds(1)) {
      clock_.Advance(std::min(time, absl::Seconds(1)));
      coordinator_->Tick();
    }
  }

  v1::Sweep GetSweep(const std::string& sweep_id = "s1") {
    v1::GetSweepRequest request;
    request.set_sweep_id(sweep_id);
    const auto response = coordinator_->GetSweep(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->sweep() : v1::Sweep();
  }

  v1::Run GetRun(const std::string& run_id) {
    v1::GetRunRequest request;
    request.set_run_id(run_id);
    const auto response = coordinator_->GetRun(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->run() : v1::Run();
  }

  int CountEvents(v1::Event::BodyCase body) {
    const std::vector<v1::Event> events = store_.events();
    return static_cast<int>(
        std::count_if(events.begin(), events.end(), [&](const v1::Event& event) { return event.body_case() == body; }));
  }

  // From a placed gang to its end: what a worker without trouble reports.
  void TrainToTheEnd(FakeWorker& worker) {
    ASSERT_TRUE(worker.Obey().ok());
    worker.Step(1);
    ASSERT_TRUE(worker.Report().ok());
    worker.Export();
    ASSERT_TRUE(worker.Report().ok());
    worker.Succeed();
    ASSERT_TRUE(worker.Report().ok());
    worker.Exit();
    ASSERT_TRUE(worker.Report().ok());
  }

  InspectionOptions inspection_options_;
  FakeClock clock_;
  FakeEventStore store_;
  FakeAlarm alarm_;
  CoordinatorMetrics metrics_;
  std::unique_ptr<Coordinator> coordinator_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_COORDINATOR_COORDINATOR_FIXTURE_H_
