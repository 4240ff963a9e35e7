// Sweeps whose files a worker inspects before they are accepted.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/coordinator/coordinator_fixture.h"

namespace seedbed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class InspectionTest : public CoordinatorFixture {
 protected:
  InspectionTest() : CoordinatorFixture(absl::Seconds(5)) {}

  static v1::SweepSpec PatternSweep() {
    v1::SweepSpec spec = DemoSweep();
    spec.mutable_sae()->set_hookpoints(0, "layers.*.mlp");
    return spec;
  }

  static bool IsAnswered(const std::shared_ptr<Answer>& answer) { return !absl::IsUnknown(answer->status()); }
  static std::string Message(const std::shared_ptr<Answer>& answer) { return std::string(answer->status().message()); }

  // What the worker says in its next report.
  static v1::InspectionResult& Found(FakeWorker& worker, const std::string& id) {
    v1::InspectionResult& result = *worker.report().add_inspection_results();
    result.set_inspection_id(id);
    return result;
  }
  static std::string Asked(const FakeWorker& worker) {
    return worker.directive().inspections().empty() ? "" : worker.directive().inspections(0).inspection_id();
  }

  double Count(const std::string& outcome) {
    for (const auto& family : metrics_.Collect()) {
      if (family.name != "seedbed_coordinator_inspections_total") continue;
      for (const auto& metric : family.metric) {
        if (metric.label[0].value == outcome) return metric.counter.value;
      }
    }
    return 0;
  }

  FakeWorker a_{"a", "1", 1};
  FakeWorker b_{"b", "1", 1};
};

TEST_F(InspectionTest, TheWorkersFindingsDecideTheSweep) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(PatternSweep()));
  EXPECT_FALSE(IsAnswered(answer));
  ASSERT_EQ(a_.directive().inspections_size(), 1) << "pushed, without a report";
  EXPECT_EQ(a_.directive().inspections(0).spec().sae().hookpoints(0), "layers.*.mlp");
  EXPECT_EQ(a_.directive().inspections(0).spec().activations().shuffle_rows(), 65'536);
  EXPECT_THAT(store_.events(), IsEmpty());
  v1::InspectionResult& found = Found(a_, Asked(a_));
  for (const char* name : {"layers.0.mlp", "layers.1.mlp"}) found.add_hookpoints(name);
  found.set_rows_per_epoch(5);
  ASSERT_TRUE(a_.Report().ok());
  ASSERT_TRUE(answer->ok()) << answer->status();
  EXPECT_THAT((*answer)->sweep().spec().sae().hookpoints(), ElementsAre("layers.0.mlp", "layers.1.mlp"));
  EXPECT_EQ((*answer)->rows_per_epoch(), 130'560) << "nothing was to be counted";
  EXPECT_EQ(GetRun("s1-r5").sae().hookpoint(), "layers.1.mlp");
  EXPECT_THAT(a_.directive().inspections(), IsEmpty());
  EXPECT_EQ(Count("good"), 1);
}

TEST_F(InspectionTest, CountedRowsAreTheSweeps) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_data()->set_padding_token(0);
  const auto answer = BeginSubmit(RequestOf(spec));
  v1::InspectionResult& found = Found(a_, Asked(a_));
  found.add_hookpoints("layers.9");
  found.set_rows_per_epoch(100'000);
  ASSERT_TRUE(a_.Report().ok());
  ASSERT_TRUE(answer->ok()) << answer->status();
  EXPECT_EQ((*answer)->rows_per_epoch(), 100'000);
  EXPECT_EQ((*answer)->steps_per_run(), 8 * 100'000 / 256);
  Restart();
  EXPECT_EQ(GetSweep().gangs(0).stream().rows_per_epoch(), 100'000);
}

TEST_F(InspectionTest, ViolationsOfTheWorkerAreABadRequest) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  v1::InspectionResult& found = Found(a_, Asked(a_));
  for (const char* field : {"model.path", "data.tokens[0].path"}) {
    v1::InspectionViolation& violation = *found.add_violations();
    violation.set_field(field);
    violation.set_description("/x: is cut");
  }
  ASSERT_TRUE(a_.Report().ok());
  EXPECT_TRUE(absl::IsInvalidArgument(answer->status()));
  const std::vector<FieldViolation> violations = GetFieldViolations(answer->status());
  ASSERT_EQ(violations.size(), 2);
  EXPECT_EQ(violations[1].field, "spec.data.tokens[0].path");
  EXPECT_EQ(violations[1].description, "/x: is cut");
  EXPECT_THAT(store_.events(), IsEmpty());
  EXPECT_EQ(Count("bad"), 1);
}

TEST_F(InspectionTest, ASweepThatIsWrongByItselfIsNotInspected) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  v1::SweepSpec spec = DemoSweep();
  spec.clear_name();
  EXPECT_TRUE(absl::IsInvalidArgument(BeginSubmit(RequestOf(spec))->status()));
  EXPECT_THAT(a_.directive().inspections(), IsEmpty());
}

TEST_F(InspectionTest, ADryRunIsInspectedAndChangesNothing) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  v1::SubmitSweepRequest request = RequestOf(DemoSweep());
  request.set_validate_only(true);
  const auto answer = BeginSubmit(request);
  EXPECT_FALSE(IsAnswered(answer));
  ASSERT_TRUE(a_.Inspect().ok());
  ASSERT_TRUE(answer->ok()) << answer->status();
  EXPECT_EQ((*answer)->runs_size(), 3);
  EXPECT_THAT(store_.events(), IsEmpty());
}

TEST_F(InspectionTest, WaitsForAFirstWorkerAfterAStart) {
  const auto answer = BeginSubmit(RequestOf(PatternSweep()));
  Pass(absl::Seconds(4));
  EXPECT_FALSE(IsAnswered(answer));
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  ASSERT_TRUE(a_.Inspect().ok());
  EXPECT_TRUE(answer->ok()) << answer->status();
}

TEST_F(InspectionTest, TheAlarmEndsTheWaitForAFirstWorker) {
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  EXPECT_FALSE(IsAnswered(answer));
  EXPECT_EQ(alarm_.earliest, absl::Seconds(5));
  clock_.Advance(absl::Seconds(5));
  coordinator_->Tick();
  EXPECT_TRUE(answer->ok()) << "nothing of it needs a worker";
  EXPECT_TRUE(BeginSubmit(RequestOf(DemoSweep()))->ok()) << "nobody waits later on";
  EXPECT_EQ(Count("no_worker"), 2);
}

TEST_F(InspectionTest, WithoutAWorkerTheFieldThatNeedsOneIsNamed) {
  Pass(absl::Seconds(5));
  v1::SweepSpec excluding = DemoSweep();
  excluding.mutable_activations()->add_exclude_tokens(0);
  v1::SweepSpec padded = DemoSweep();
  padded.mutable_data()->set_padding_token(0);
  v1::SweepSpec folder = DemoSweep();
  folder.clear_data();
  folder.clear_activations();
  folder.mutable_activations()->set_source(v1::ACTIVATION_SOURCE_FOLDER);
  folder.mutable_activations()->set_path("/rows");
  v1::SweepSpec synonym = DemoSweep();
  synonym.mutable_sae()->add_hookpoints("model.layers.3");
  const std::vector<std::pair<v1::SweepSpec, std::string>> cases = {{PatternSweep(), "spec.sae.hookpoints[0]"},
                                                                    {synonym, "spec.sae.hookpoints[1]"},
                                                                    {excluding, "spec.activations.exclude_tokens"},
                                                                    {padded, "spec.data.padding_token"},
                                                                    {folder, "spec.activations.source"}};
  for (const auto& [spec, field] : cases) {
    const absl::Status status = BeginSubmit(RequestOf(spec))->status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    ASSERT_EQ(GetFieldViolations(status).size(), 1);
    EXPECT_EQ(GetFieldViolations(status)[0].field, field);
    EXPECT_THAT(GetFieldViolations(status)[0].description, HasSubstr("only a worker"));
  }
  EXPECT_THAT(store_.events(), IsEmpty());
}

TEST_F(InspectionTest, TheLeastLoadedWorkerIsAsked) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  ASSERT_TRUE(Submit(DemoSweep(), a_).ok());
  ASSERT_TRUE(a_.Obey().ok());
  ASSERT_TRUE(b_.Connect(*coordinator_).ok());
  BeginSubmit(RequestOf(DemoSweep()));
  EXPECT_EQ(b_.directive().inspections_size(), 1) << "a trains";
  BeginSubmit(RequestOf(DemoSweep()));
  EXPECT_EQ(a_.directive().inspections_size(), 1) << "b inspects";
  BeginSubmit(RequestOf(DemoSweep()));
  EXPECT_EQ(b_.directive().inspections_size(), 2);
}

TEST_F(InspectionTest, AnotherWorkerIsAskedWhenTheFirstGoesAway) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  ASSERT_TRUE(b_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  const std::string id = Asked(a_);
  EXPECT_THAT(id, testing::Not(IsEmpty()));
  EXPECT_EQ(Asked(b_), "");
  a_.Disconnect();
  EXPECT_EQ(Asked(b_), id) << "pushed, without a report";
  EXPECT_FALSE(IsAnswered(answer));
  ASSERT_TRUE(b_.Inspect().ok());
  EXPECT_TRUE(answer->ok()) << answer->status();
}

TEST_F(InspectionTest, AnotherWorkerIsAskedWhenTheFirstFallsSilent) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  ASSERT_TRUE(b_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  for (int second = 0; second < 18; ++second) {
    Pass(absl::Seconds(1));
    ASSERT_TRUE(b_.Report().ok());
  }
  ASSERT_NE(Asked(b_), "");
  ASSERT_TRUE(b_.Inspect().ok());
  EXPECT_TRUE(answer->ok()) << answer->status();
}

TEST_F(InspectionTest, AWorkerThatComesBackGoesOn) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(PatternSweep()));
  const std::string id = Asked(a_);
  a_.Disconnect();
  Pass(absl::Seconds(30));
  EXPECT_FALSE(IsAnswered(answer)) << "it may come back";
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  EXPECT_EQ(Asked(a_), id) << "the same, so that its work is not lost";
  ASSERT_TRUE(a_.Inspect().ok());
  EXPECT_TRUE(answer->ok()) << answer->status();
}

TEST_F(InspectionTest, ARestartedWorkerIsAskedAgain) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  a_.Disconnect();
  FakeWorker restarted("a", "2", 1);
  ASSERT_TRUE(restarted.Connect(*coordinator_).ok());
  ASSERT_TRUE(restarted.Inspect().ok());
  EXPECT_TRUE(answer->ok()) << answer->status();
}

TEST_F(InspectionTest, AWorkerThatDoesNotAnswerIsNamedAfterAMinute) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  const std::string id = Asked(a_);
  for (int second = 0; second < 60; ++second) {
    EXPECT_FALSE(IsAnswered(answer));
    ASSERT_TRUE(a_.Report().ok());
    Pass(absl::Seconds(1));
  }
  EXPECT_TRUE(absl::IsUnavailable(answer->status())) << answer->status();
  EXPECT_THAT(Message(answer), AllOf(HasSubstr("worker a did not answer within 1m"), HasSubstr("submit again")));
  EXPECT_THAT(a_.directive().inspections(), IsEmpty()) << "it is told to stop";
  // Its answer comes too late.
  Found(a_, id).add_hookpoints("layers.9");
  ASSERT_TRUE(a_.Report().ok());
  EXPECT_THAT(store_.events(), IsEmpty());
  EXPECT_EQ(Count("unanswered"), 1);
}

TEST_F(InspectionTest, AWorkerThatCannotInspectIsFollowedByAnother) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  ASSERT_TRUE(b_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  Found(a_, Asked(a_)).set_error("killed by signal 9 (Killed)");
  ASSERT_TRUE(a_.Report().ok());
  EXPECT_THAT(a_.directive().inspections(), IsEmpty());
  ASSERT_NE(Asked(b_), "");
  Found(b_, Asked(b_)).set_error("exited with code 127");
  ASSERT_TRUE(b_.Report().ok());
  EXPECT_TRUE(absl::IsInternal(answer->status())) << answer->status();
  EXPECT_THAT(Message(answer), HasSubstr("worker b: exited with code 127"));
  EXPECT_EQ(Count("failed"), 1);
}

TEST_F(InspectionTest, AnAnswerThatMakesNoSenseIsAFailure) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  Found(a_, Asked(a_)).set_rows_per_epoch(7);
  ASSERT_TRUE(a_.Report().ok());
  EXPECT_TRUE(absl::IsInternal(answer->status())) << answer->status();
  EXPECT_THAT(Message(answer), HasSubstr("worker a: hookpoints is empty"));
}

TEST_F(InspectionTest, AnswersToOtherQuestionsChangeNothing) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  for (const char* id : {"", "i1", "i1700000000000-2"}) Found(a_, id).set_error("wrong");
  ASSERT_TRUE(a_.Report().ok());
  EXPECT_FALSE(IsAnswered(answer));
  ASSERT_TRUE(a_.Inspect().ok());
  EXPECT_TRUE(answer->ok()) << answer->status();
}

TEST_F(InspectionTest, ADoubledAnswerChangesNothing) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  ASSERT_TRUE(a_.Inspect().ok());
  ASSERT_TRUE(a_.Report().ok());
  EXPECT_TRUE(answer->ok()) << answer->status();
  EXPECT_EQ(CountEvents(v1::Event::kSweepSubmitted), 1);
}

TEST_F(InspectionTest, TwoSubmissionsWithOneKeyMakeOneSweep) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto first = BeginSubmit(RequestOf(DemoSweep(), "key"));
  const auto second = BeginSubmit(RequestOf(DemoSweep(), "key"));
  EXPECT_TRUE(absl::IsAlreadyExists(BeginSubmit(RequestOf(DemoSweep(1), "key"))->status()));
  EXPECT_EQ(a_.directive().inspections_size(), 1) << "one inspection for both";
  ASSERT_TRUE(a_.Inspect().ok());
  ASSERT_TRUE(first->ok() && second->ok()) << first->status() << second->status();
  EXPECT_EQ((*first)->sweep().sweep_id(), "s1");
  EXPECT_EQ((*second)->sweep().sweep_id(), "s1");
  EXPECT_EQ(CountEvents(v1::Event::kSweepSubmitted), 1);
  const auto third = BeginSubmit(RequestOf(DemoSweep(), "key"));
  EXPECT_TRUE(third->ok()) << "without another inspection";
}

TEST_F(InspectionTest, ARepeatAfterARestartMakesOneSweep) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto lost = BeginSubmit(RequestOf(DemoSweep(), "key"));
  const std::string before = Asked(a_);
  clock_.Advance(absl::Seconds(1));
  Restart();
  EXPECT_FALSE(IsAnswered(lost));
  // The worker still has its answer to the old question.
  Found(a_, before).add_hookpoints("layers.0");
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  EXPECT_THAT(a_.directive().inspections(), IsEmpty());
  const auto answer = BeginSubmit(RequestOf(DemoSweep(), "key"));
  EXPECT_NE(Asked(a_), before);
  ASSERT_TRUE(a_.Report().ok());
  EXPECT_FALSE(IsAnswered(answer));
  ASSERT_TRUE(a_.Inspect().ok());
  ASSERT_TRUE(answer->ok()) << answer->status();
  EXPECT_EQ((*answer)->sweep().sweep_id(), "s1");
}

TEST_F(InspectionTest, ALogThatIsFullRefusesAfterTheInspection) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep(), "key"));
  store_.FailWith(absl::ResourceExhaustedError("disk full"));
  ASSERT_TRUE(a_.Inspect().ok());
  EXPECT_TRUE(absl::IsResourceExhausted(answer->status())) << answer->status();
  store_.FailWith(absl::OkStatus());
  const auto again = BeginSubmit(RequestOf(DemoSweep(), "key"));
  ASSERT_TRUE(a_.Inspect().ok());
  EXPECT_TRUE(again->ok()) << again->status();
}

TEST_F(InspectionTest, MoreThanADirectiveHoldsAreRefused) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 32; ++i) answers.push_back(BeginSubmit(RequestOf(DemoSweep())));
  EXPECT_TRUE(absl::IsResourceExhausted(BeginSubmit(RequestOf(DemoSweep()))->status()));
  ASSERT_TRUE(a_.Inspect().ok());
  for (const auto& answer : answers) EXPECT_TRUE(answer->ok()) << answer->status();
  EXPECT_TRUE(Submit(DemoSweep(), a_).ok());
}

TEST_F(InspectionTest, AStopAnswersWhatWaitsAndTakesNothingMore) {
  ASSERT_TRUE(a_.Connect(*coordinator_).ok());
  const auto answer = BeginSubmit(RequestOf(DemoSweep()));
  coordinator_->RefuseSubmissions(absl::UnavailableError("stopping"));
  EXPECT_EQ(answer->status(), absl::UnavailableError("stopping"));
  EXPECT_EQ(BeginSubmit(RequestOf(DemoSweep()))->status(), absl::UnavailableError("stopping"));
  ASSERT_TRUE(a_.Inspect().ok());
  EXPECT_THAT(store_.events(), IsEmpty());
}

}  // namespace
}  // namespace seedbed
