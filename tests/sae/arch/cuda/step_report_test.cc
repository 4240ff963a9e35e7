#include "sae/arch/cuda/step_report.h"

#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace seedbed {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

StepTerms SparsifyTerms() {
  StepTerms terms;
  terms.scales = {/*by_variance=*/true, /*scale=*/0, /*multi_weight=*/0.125};
  terms.auxiliary_alpha = 0.5;
  terms.has_auxiliary = true;
  return terms;
}

StepRecord GoodRecord() {
  StepRecord record;
  record.total_variance = 8;
  record.decode.squared_error = 2;
  record.decode.squared_errors = 2;
  record.decode.active = 12;
  record.decode.smallest_rank = 0.25;
  record.multi.squared_error = 16;
  record.dead = 3;
  record.auxiliary_weight = 0.1;
  record.auxiliary.squared_error = 20;
  return record;
}

struct BadRecord {
  void (*spoil)(StepRecord* record);
  std::string message;
};

TEST(StepReport, NamesTheStepAndWhatIsNotFinite) {
  const std::vector<BadRecord> cases = {
      {[](StepRecord* r) { r->total_variance = 0; },
       "step 7: the batch has the total variance 0, needed is a finite number above 0"},
      {[](StepRecord* r) { r->total_variance = kNan; },
       "step 7: the batch has the total variance nan, needed is a finite number above 0"},
      {[](StepRecord* r) { r->decode.squared_error = kInfinity; }, "step 7: the loss (FVU) is not finite"},
      {[](StepRecord* r) { r->auxiliary.squared_error = kNan; }, "step 7: the auxiliary loss is not finite"},
      {[](StepRecord* r) { r->auxiliary_weight = kNan; }, "step 7: the auxiliary loss is not finite"},
      {[](StepRecord* r) { r->multi.squared_error = kNan; }, "step 7: the loss of multi_topk is not finite"},
      {[](StepRecord* r) { r->decode.encoder_bound = 1e38; }, "step 7: the gradient of encoder_weight is not finite"},
      {[](StepRecord* r) { r->auxiliary.encoder_bound = kNan; },
       "step 7: the gradient of encoder_weight is not finite"},
      {[](StepRecord* r) { r->multi.decoder_bound = kInfinity; },
       "step 7: the gradient of decoder_weight is not finite"},
      {[](StepRecord* r) { r->not_finite[0] = 1; }, "step 7: the gradient of encoder_bias is not finite"},
      {[](StepRecord* r) { r->not_finite[1] = 1; }, "step 7: the gradient of decoder_bias is not finite"},
      {[](StepRecord* r) { r->not_finite[2] = 1; }, "step 7: the gradient of skip_weight is not finite"},
  };
  ASSERT_TRUE(CheckStep(SparsifyTerms(), GoodRecord(), 7).ok());
  for (const BadRecord& bad : cases) {
    StepRecord record = GoodRecord();
    bad.spoil(&record);
    EXPECT_EQ(CheckStep(SparsifyTerms(), record, 7), absl::AbortedError(bad.message));
  }
}

TEST(StepReport, ScalesLossesByVarianceOrByRowsAndGroups) {
  SaeConfig config;
  config.multi_topk = true;
  EXPECT_TRUE(ScalesOf(config, 16).by_variance);
  EXPECT_EQ(ScalesOf(config, 16).multi_weight, 0.125);
  config = SaeConfig();
  config.architecture = "matryoshka";
  config.group_sizes = {10, 20};
  config.convention = Convention::kDictionaryLearning;
  EXPECT_FALSE(ScalesOf(config, 16).by_variance);
  EXPECT_EQ(ScalesOf(config, 16).scale, 2.0 / 16 / 4);
  EXPECT_EQ(ScalesOf(config, 16).multi_weight, 0);
  config.convention = Convention::kSaeLens;
  EXPECT_EQ(ScalesOf(config, 16).scale, 2.0 / 16);
}

TEST(StepReport, AddsTheTermsOfTheLoss) {
  const BatchLosses losses = LossesOf(SparsifyTerms(), GoodRecord());
  EXPECT_DOUBLE_EQ(losses.auxiliary, 0.1 * 20);
  EXPECT_DOUBLE_EQ(losses.loss, 2.0 / 8 + 0.125 * 16 / 8 + 0.5 * losses.auxiliary);
  EXPECT_EQ(losses.total_variance, 8);
  EXPECT_EQ(losses.squared_error, 2);
  EXPECT_EQ(losses.active, 12);
  EXPECT_EQ(losses.smallest_active, 0);
}

TEST(StepReport, SumsTheLossesOfGroupsWhereTheyAreMeansOverRows) {
  StepTerms terms;
  terms.scales = {/*by_variance=*/false, /*scale=*/0.5, /*multi_weight=*/0};
  terms.has_threshold = true;
  StepRecord record = GoodRecord();
  record.decode.squared_errors = 10;
  const BatchLosses losses = LossesOf(terms, record);
  EXPECT_DOUBLE_EQ(losses.loss, 0.25 * 10);
  EXPECT_EQ(losses.squared_error, 2);
  EXPECT_EQ(losses.smallest_active, 0.25);
}

TEST(StepReport, ABatchWithoutActivationsHasNoSmallestOne) {
  StepTerms terms = SparsifyTerms();
  terms.has_threshold = true;
  StepRecord record = GoodRecord();
  record.decode.active = 0;
  record.decode.smallest_rank = kInfinity;
  EXPECT_EQ(LossesOf(terms, record).smallest_active, 0);
}

TEST(StepReport, WithoutDeadLatentsThereIsNoAuxiliaryLoss) {
  StepRecord record = GoodRecord();
  record.dead = 0;
  EXPECT_EQ(LossesOf(SparsifyTerms(), record).auxiliary, 0);
}

TEST(StepReport, AnErrorWithoutVarianceHasTheLargestAuxiliaryLossUnlessItIsMet) {
  StepRecord record = GoodRecord();
  record.auxiliary_weight = 0;
  EXPECT_EQ(LossesOf(SparsifyTerms(), record).auxiliary, std::numeric_limits<float>::max());
  record.auxiliary.squared_error = 0;
  EXPECT_EQ(LossesOf(SparsifyTerms(), record).auxiliary, 0);
}

}  // namespace
}  // namespace seedbed
