// What users ask of the coordinator.
#include "server/coordinator/coordinator.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class CoordinatorTest : public CoordinatorFixture {
 protected:
  absl::StatusOr<v1::CancelSweepResponse> Cancel(const std::string& sweep_id) {
    v1::CancelSweepRequest request;
    request.set_sweep_id(sweep_id);
    return coordinator_->CancelSweep(request);
  }

  absl::StatusOr<v1::ListSweepsResponse> List(int page_size, const std::string& token = "") {
    v1::ListSweepsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    return coordinator_->ListSweeps(request);
  }

  static std::vector<std::string> Ids(const v1::ListSweepsResponse& response) {
    std::vector<std::string> ids;
    for (const v1::Sweep& sweep : response.sweeps()) ids.push_back(sweep.sweep_id());
    return ids;
  }
};

TEST_F(CoordinatorTest, RefusesABadSweepNamingEveryField) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_sae()->add_k(600);
  spec.set_name("a b");
  const absl::Status status = Submit(spec, std::string(129, 'k')).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  std::vector<std::string> fields;
  for (const FieldViolation& violation : GetFieldViolations(status)) fields.push_back(violation.field);
  EXPECT_THAT(fields, UnorderedElementsAre("idempotency_key", "spec.sae.k[1]", "spec.name"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("spec.sae.k[1]: is 600; must be at most latents (512)"));
  EXPECT_THAT(store_.events(), IsEmpty());
}

TEST_F(CoordinatorTest, AcceptsASweepDurably) {
  const auto response = Submit(DemoSweep());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->sweep().sweep_id(), "s1");
  EXPECT_EQ(response->sweep().state(), v1::SWEEP_STATE_QUEUED);
  EXPECT_EQ(response->sweep().submitted_unix_ms(), 1'700'000'000'000);
  EXPECT_THAT(response->sweep().run_counts(), UnorderedElementsAre(Pair("queued", 3)));
  EXPECT_EQ(response->steps_per_run(), 4080);
  EXPECT_EQ(response->rows_per_epoch(), 130'560);
  EXPECT_THAT(response->runs(), IsEmpty());
  EXPECT_EQ(response->sweep().gangs_size(), 1);
  Restart();
  v1::Sweep recovered = GetSweep();
  EXPECT_EQ(recovered.waits_size(), 1);
  recovered.clear_waits();
  EXPECT_EQ(recovered.SerializeAsString(), response->sweep().SerializeAsString());
}

TEST_F(CoordinatorTest, ValidatesOnlyWithoutChangingAnything) {
  v1::SubmitSweepRequest request;
  *request.mutable_spec() = DemoSweep();
  request.set_validate_only(true);
  const Answer response = *BeginSubmit(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->sweep().sweep_id(), "");
  EXPECT_EQ(response->sweep().spec().agreement().threshold(), 0.7);
  EXPECT_EQ(response->runs_size(), 3);
  EXPECT_EQ(response->runs(2).sae().seed(), 2);
  EXPECT_EQ(response->sweep().sibling_sets_size(), 1);
  EXPECT_EQ(response->steps_per_run(), 4080);
  EXPECT_THAT(store_.events(), IsEmpty());
  request.mutable_spec()->clear_name();
  EXPECT_EQ(BeginSubmit(request)->status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, ARepeatedSubmissionIsTheSameSweep) {
  ASSERT_TRUE(Submit(DemoSweep(), "key").ok());
  Restart();
  const auto again = Submit(DemoSweep(), "key");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->sweep().sweep_id(), "s1");
  EXPECT_EQ(again->steps_per_run(), 4080);
  EXPECT_EQ(store_.events().size(), 1);
  // The default that the first one left out is another spec: the user wrote something else.
  v1::SweepSpec other = DemoSweep();
  other.mutable_agreement()->set_threshold(0.7);
  const absl::Status status = Submit(other, "key").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"key\" was used for another sweep (s1)"));
  EXPECT_EQ(Submit(DemoSweep(), "other")->sweep().sweep_id(), "s2");
  EXPECT_EQ(Submit(DemoSweep())->sweep().sweep_id(), "s3");
}

TEST_F(CoordinatorTest, ListsSweepsByPagesNewestFirst) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Submit(DemoSweep(1)).ok());
  const auto first = List(2);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(Ids(*first), ElementsAre("s5", "s4"));
  EXPECT_THAT(first->sweeps(0).gangs(), IsEmpty());
  ASSERT_TRUE(Submit(DemoSweep(1)).ok());
  const auto second = List(2, first->next_page_token());
  EXPECT_THAT(Ids(*second), ElementsAre("s3", "s2")) << "a new sweep does not shift the pages";
  const auto third = List(2, second->next_page_token());
  EXPECT_THAT(Ids(*third), ElementsAre("s1"));
  EXPECT_EQ(third->next_page_token(), "");
  EXPECT_EQ(List(0)->sweeps_size(), 6);
}

TEST_F(CoordinatorTest, RefusesPagesThatDoNotExist) {
  for (const int size : {-1, 1001}) {
    const absl::Status status = List(size).status();
    EXPECT_EQ(GetFieldViolations(status).at(0).field, "page_size");
  }
  for (const std::string token : {"x", "-1", "99", "1e3"}) {
    EXPECT_EQ(GetFieldViolations(List(1, token).status()).at(0).field, "page_token") << token;
  }
}

TEST_F(CoordinatorTest, ListsRunsInTheOrderOfTheGrid) {
  ASSERT_TRUE(Submit(DemoSweep(5)).ok());
  v1::ListRunsRequest request;
  request.set_sweep_id("s1");
  request.set_page_size(3);
  const auto first = coordinator_->ListRuns(request);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->runs(2).run_id(), "s1-r2");
  request.set_page_token(first->next_page_token());
  const auto second = coordinator_->ListRuns(request);
  ASSERT_EQ(second->runs_size(), 2);
  EXPECT_EQ(second->runs(1).run_id(), "s1-r4");
  EXPECT_EQ(second->next_page_token(), "");
}

TEST_F(CoordinatorTest, UnknownIdsAreNotFound) {
  v1::GetSweepRequest get;
  get.set_sweep_id("s9\n");
  EXPECT_EQ(coordinator_->GetSweep(get).status(), absl::NotFoundError("there is no sweep \"s9\\n\""));
  v1::GetRunRequest run;
  run.set_run_id("s9-r0");
  EXPECT_EQ(coordinator_->GetRun(run).status(), absl::NotFoundError("there is no run \"s9-r0\""));
  v1::ListRunsRequest runs;
  EXPECT_EQ(coordinator_->ListRuns(runs).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Cancel("").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorTest, CancelsWhatWaitsAndWhatRuns) {
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  ASSERT_TRUE(worker.Obey().ok());
  ASSERT_EQ(worker.directive().ranks_size(), 1);
  const auto cancelled = Cancel("s1");
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(cancelled->sweep().state(), v1::SWEEP_STATE_CANCELLED);
  EXPECT_THAT(cancelled->sweep().run_counts(), UnorderedElementsAre(Pair("cancelled", 3)));
  EXPECT_EQ(cancelled->sweep().gangs(0).state(), v1::GANG_STATE_ENDED);
  EXPECT_THAT(worker.directive().ranks(), IsEmpty()) << "pushed without waiting for a report";
  // Its rank is still being stopped: the slot goes to the next gang only when it is gone.
  worker.report().mutable_ranks(0)->set_state(v1::RANK_STATE_STOPPING);
  ASSERT_TRUE(worker.Report().ok());
  EXPECT_THAT(worker.directive().ranks(), IsEmpty());
  ASSERT_TRUE(worker.Obey().ok());
  ASSERT_EQ(worker.directive().ranks_size(), 1);
  EXPECT_EQ(worker.directive().ranks(0).key().gang_id(), "s2-g0");
}

TEST_F(CoordinatorTest, CancellingTwiceOrTooLateChangesNothing) {
  ASSERT_TRUE(Submit(DemoSweep()).ok());
  ASSERT_TRUE(Cancel("s1").ok());
  const size_t events = store_.events().size();
  EXPECT_EQ(Cancel("s1")->sweep().state(), v1::SWEEP_STATE_CANCELLED);
  FakeWorker worker("a", "1", 1);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  EXPECT_THAT(worker.directive().ranks(), IsEmpty());
  EXPECT_EQ(store_.events().size(), events);
  ASSERT_TRUE(Submit(DemoSweep(), worker).ok());
  TrainToTheEnd(worker);
  EXPECT_EQ(Cancel("s2")->sweep().state(), v1::SWEEP_STATE_SUCCEEDED);
}

TEST_F(CoordinatorTest, TellsAboutItself) {
  EXPECT_EQ(coordinator_->GetServerInfo().version(), "1.2.3");
  EXPECT_EQ(coordinator_->GetServerInfo().results_address(), "127.0.0.1:7700");
}

TEST_F(CoordinatorTest, CountsForPrometheus) {
  metrics_.SetGaugeSource([this] { return coordinator_->Gauges(); });
  FakeWorker worker("a", "1", 3);
  ASSERT_TRUE(worker.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_resources()->set_ranks(2);
  ASSERT_TRUE(Submit(spec, worker).ok());
  ASSERT_TRUE(Submit(spec, worker).ok());
  const CoordinatorGauges gauges = coordinator_->Gauges();
  EXPECT_EQ(gauges.sweeps[v1::SWEEP_STATE_RUNNING], 1);
  EXPECT_EQ(gauges.sweeps[v1::SWEEP_STATE_QUEUED], 1);
  EXPECT_EQ(gauges.runs[v1::RUN_STATE_PLACED], 3);
  EXPECT_EQ(gauges.gangs_active, 1);
  EXPECT_EQ(gauges.gangs_queued, 1);
  EXPECT_EQ(gauges.workers_connected, 1);
  EXPECT_EQ(gauges.slots, 3);
  EXPECT_EQ(gauges.slots_free, 1);
  EXPECT_EQ(gauges.sessions, 1);
  std::vector<std::string> names;
  for (const auto& family : metrics_.Collect()) names.push_back(family.name);
  EXPECT_THAT(names, testing::Contains("seedbed_coordinator_runs"));
  EXPECT_THAT(names, testing::Contains("seedbed_coordinator_event_append_seconds"));
  metrics_.SetGaugeSource(nullptr);
}

}  // namespace
}  // namespace seedbed
