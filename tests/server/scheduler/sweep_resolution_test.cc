#include "server/scheduler/sweep_resolution.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/sweep_validation.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

ResolvedSweep Resolve(const v1::SweepSpec& spec, const v1::InspectionResult* inspection = nullptr) {
  ValidatedSweep validated = ValidateSweep(spec);
  EXPECT_TRUE(validated.violations.empty());
  return ResolveSweep(std::move(validated.spec), inspection);
}

v1::InspectionResult Inspected(int64_t rows = 100'000) {
  v1::InspectionResult result;
  result.add_hookpoints("layers.9");
  result.set_d_model(576);
  result.set_rows_per_epoch(rows);
  return result;
}

v1::SweepSpec FolderSweep() {
  v1::SweepSpec spec = DemoSweep();
  spec.clear_model();
  spec.clear_data();
  spec.clear_activations();
  spec.mutable_activations()->set_source(v1::ACTIVATION_SOURCE_FOLDER);
  spec.mutable_activations()->set_path("/rows");
  return spec;
}

TEST(FieldThatNeedsInspection, IsTheFirstThatTheFilesDecide) {
  v1::SweepSpec spec = DemoSweep();
  EXPECT_EQ(FieldThatNeedsInspection(spec), "");
  spec.mutable_sae()->add_hookpoints("layers.*.mlp");
  EXPECT_EQ(FieldThatNeedsInspection(spec), "sae.hookpoints[1]");
  spec.mutable_data()->set_padding_token(0);
  EXPECT_EQ(FieldThatNeedsInspection(spec), "data.padding_token");
  spec.mutable_activations()->add_exclude_tokens(1);
  EXPECT_EQ(FieldThatNeedsInspection(spec), "activations.exclude_tokens");
  spec.mutable_activations()->set_source(v1::ACTIVATION_SOURCE_FOLDER);
  EXPECT_EQ(FieldThatNeedsInspection(spec), "activations.source");
}

TEST(FieldThatNeedsInspection, IsAnEndOfATranscoderThatIsNotCanonical) {
  v1::SweepSpec spec = DemoSweep();
  v1::TranscoderSpec& transcoder = *spec.mutable_sae()->add_transcoders();
  transcoder.set_input("layers.9.mlp_in");
  transcoder.set_target("layers.9.mlp");
  EXPECT_EQ(FieldThatNeedsInspection(spec), "");
  transcoder.set_target("model.layers.9.mlp");
  EXPECT_EQ(FieldThatNeedsInspection(spec), "sae.transcoders[0].target");
  transcoder.set_input("h.9.mlp");
  EXPECT_EQ(FieldThatNeedsInspection(spec), "sae.transcoders[0].input");
}

TEST(InspectionDefect, IsWhatNoWorkerMayAnswer) {
  EXPECT_EQ(InspectionDefect(Inspected()), "");
  v1::InspectionResult result;
  EXPECT_THAT(InspectionDefect(result), HasSubstr("hookpoints is empty"));
  result.add_violations();
  EXPECT_EQ(InspectionDefect(result), "") << "violations are all that is set then";
  EXPECT_THAT(InspectionDefect(Inspected(-1)), HasSubstr("rows_per_epoch is -1; must be 0.."));
  EXPECT_THAT(InspectionDefect(Inspected(int64_t{1} << 60)), HasSubstr("rows_per_epoch"));
  for (const char* name : {"layers.9", "", "../x"}) {
    result = Inspected();
    result.add_hookpoints(name);
    EXPECT_THAT(InspectionDefect(result), HasSubstr("hookpoints[1] is")) << name;
  }
}

TEST(InspectionDefect, TranscodersAreSomethingToTrainOnAndHaveNames) {
  v1::InspectionResult result = Inspected();
  result.clear_hookpoints();
  v1::TranscoderSpec& transcoder = *result.add_transcoders();
  transcoder.set_input("layers.9.mlp_in");
  EXPECT_THAT(InspectionDefect(result), HasSubstr("transcoders[0] is from or to \"\"; must be a name"));
  transcoder.set_target("layers.9.mlp");
  EXPECT_EQ(InspectionDefect(result), "");
}

TEST(ResolveSweep, TakesOverWhatTheWorkerFoundWrong) {
  v1::InspectionResult inspection;
  v1::InspectionViolation& violation = *inspection.add_violations();
  violation.set_field("model.path");
  violation.set_description("/m/config.json: model_type is \"mamba\"");
  const ResolvedSweep resolved = Resolve(DemoSweep(), &inspection);
  ASSERT_THAT(resolved.violations, SizeIs(1));
  EXPECT_EQ(resolved.violations[0].field, "model.path");
  EXPECT_EQ(resolved.violations[0].description, "/m/config.json: model_type is \"mamba\"");
}

TEST(ResolveSweep, HookpointsBecomeTheirCanonicalNames) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_sae()->set_hookpoints(0, "layers.*.mlp");
  v1::InspectionResult inspection = Inspected();
  inspection.clear_hookpoints();
  for (const char* name : {"layers.0.mlp", "layers.1.mlp"}) inspection.add_hookpoints(name);
  const ResolvedSweep resolved = Resolve(spec, &inspection);
  EXPECT_THAT(resolved.violations, IsEmpty());
  EXPECT_THAT(resolved.spec.sae().hookpoints(), ElementsAre("layers.0.mlp", "layers.1.mlp"));
}

TEST(ResolveSweep, TranscodersBecomeTheirCanonicalNamesAndMustDifferThen) {
  v1::SweepSpec spec = DemoSweep();
  for (const char* target : {"layers.9.mlp", "h.9.mlp"}) {
    v1::TranscoderSpec& transcoder = *spec.mutable_sae()->add_transcoders();
    transcoder.set_input("layers.9.mlp_in");
    transcoder.set_target(target);
  }
  v1::InspectionResult inspection = Inspected();
  for (int i = 0; i < 2; ++i) {
    *inspection.add_transcoders() = spec.sae().transcoders(i);
    inspection.mutable_transcoders(i)->set_target("layers.9.mlp");
  }
  const ResolvedSweep resolved = Resolve(spec, &inspection);
  EXPECT_EQ(resolved.spec.sae().transcoders(1).target(), "layers.9.mlp");
  ASSERT_THAT(resolved.violations, SizeIs(1));
  EXPECT_EQ(resolved.violations[0].field, "sae.transcoders[1]");
}

TEST(ResolveSweep, APatternCanMakeTooManyRuns) {
  v1::SweepSpec spec = DemoSweep(5001);
  v1::InspectionResult inspection = Inspected();
  inspection.add_hookpoints("layers.8");
  const ResolvedSweep resolved = Resolve(spec, &inspection);
  ASSERT_THAT(resolved.violations, SizeIs(1));
  EXPECT_EQ(resolved.violations[0].field, "sae");
  EXPECT_THAT(resolved.violations[0].description, HasSubstr("makes 10002 runs"));
}

TEST(ResolveSweep, CountedRowsAreTakenWhereTokensDecide) {
  const v1::InspectionResult inspection = Inspected(100'000);
  EXPECT_EQ(Resolve(DemoSweep(), &inspection).shape.rows_per_epoch, 130'560) << "nothing to count";
  v1::SweepSpec excluding = DemoSweep();
  excluding.mutable_activations()->add_exclude_tokens(0);
  EXPECT_EQ(Resolve(excluding, &inspection).shape.rows_per_epoch, 100'000);
  v1::SweepSpec padded = DemoSweep();
  padded.mutable_data()->set_padding_token(0);
  EXPECT_EQ(Resolve(padded, &inspection).shape.rows_per_epoch, 100'000);
  const ResolvedSweep folder = Resolve(FolderSweep(), &inspection);
  EXPECT_EQ(folder.shape.rows_per_epoch, 100'000);
  EXPECT_EQ(folder.shape.sequences, 0);
  EXPECT_EQ(folder.shape.steps_per_run, 8 * 100'000 / 256);
}

TEST(ResolveSweep, NoRowsAreNoSteps) {
  const v1::InspectionResult inspection = Inspected(0);
  const ResolvedSweep resolved = Resolve(FolderSweep(), &inspection);
  ASSERT_THAT(resolved.violations, SizeIs(1));
  EXPECT_EQ(resolved.violations[0].field, "train.batch_tokens");
}

TEST(ResolveSweep, FillsInTheDerivedDefaults) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_activations()->set_normalize(v1::NORMALIZATION_MEAN_SQUARE);
  EXPECT_EQ(Resolve(spec).spec.activations().normalize_rows(), 65'536);
  spec.mutable_data()->set_max_tokens(256 * 4);
  EXPECT_EQ(Resolve(spec).spec.activations().normalize_rows(), 4 * 255) << "no more than the rows of an epoch";
}

TEST(ResolveSweep, NormalizesOverNoMoreThanAnEpoch) {
  v1::SweepSpec spec = FolderSweep();
  spec.mutable_activations()->set_normalize(v1::NORMALIZATION_MEAN_SQUARE);
  spec.mutable_activations()->set_normalize_rows(1000);
  const v1::InspectionResult inspection = Inspected(999);
  const ResolvedSweep resolved = Resolve(spec, &inspection);
  ASSERT_THAT(resolved.violations, SizeIs(1));
  EXPECT_EQ(resolved.violations[0].field, "activations.normalize_rows");
  EXPECT_EQ(resolved.violations[0].description, "is 1000; must be at most the rows of an epoch (999)");
}

}  // namespace
}  // namespace seedbed
