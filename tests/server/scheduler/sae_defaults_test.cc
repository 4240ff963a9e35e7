#include "server/scheduler/sae_defaults.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/architectures.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using testing::ElementsAre;

constexpr int64_t kLatents = 16384;  // Where the scaling law gives 2e-4.

// So many steps and rows that nothing is cut.
StreamShape LongRun() {
  StreamShape shape;
  shape.rows_per_epoch = 100'000'000;
  shape.steps_per_run = 20'000;
  return shape;
}

v1::TrainSpec Train(v1::Convention convention = v1::CONVENTION_UNSPECIFIED) {
  v1::TrainSpec train;
  train.set_batch_tokens(4096);
  if (convention != v1::CONVENTION_UNSPECIFIED) train.set_convention(convention);
  return train;
}

v1::SaeSpec Resolve(const v1::TrainSpec& train, const std::string& architecture, const StreamShape& shape = LongRun()) {
  v1::SaeSpec sae;
  sae.set_architecture(architecture);
  sae.set_latents(kLatents);
  ResolveSae(train, shape, sae);
  return sae;
}

struct Library {
  std::string label;
  v1::Convention convention;
  std::string architecture;
  std::string expected;  // An SaeSpec as text, but for convention, architecture, latents and compute.
};

class LibraryDefaultsTest : public testing::TestWithParam<Library> {};

TEST_P(LibraryDefaultsTest, AreThoseOfTheLibrary) {
  v1::SaeSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(GetParam().expected, &expected));
  expected.set_convention(GetParam().convention);
  expected.set_architecture(GetParam().architecture);
  expected.set_latents(kLatents);
  expected.set_compute(v1::COMPUTE_TYPE_FLOAT32);
  const v1::SaeSpec resolved = Resolve(Train(GetParam().convention), GetParam().architecture);
  std::string differences;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(expected, resolved)) << differences;
}

constexpr char kAdam[] = "kind: OPTIMIZER_KIND_ADAM beta2: 0.999 epsilon: 1e-8";

// What SAELens does with every architecture.
std::string SaeLens(const std::string& rest) {
  return absl::StrCat("optimizer { ", kAdam, " beta1: 0.9 gradient_clip: 1 } learning_rate: 3e-4 ",
                      "decay: LEARNING_RATE_DECAY_CONSTANT decoder_bias: DECODER_BIAS_START_ZERO ",
                      "dead_after_tokens: 4096000 ", rest);
}

// What dictionary_learning does with every architecture.
std::string DictionaryLearning(const std::string& rest) {
  return absl::StrCat("warmup_steps: 1000 decay: LEARNING_RATE_DECAY_CONSTANT dead_after_tokens: 10000000 ", rest);
}

// And with those that keep k latents.
std::string DictionaryLearningTopK(const std::string& rest) {
  return DictionaryLearning(absl::StrCat("optimizer { ", kAdam, " beta1: 0.9 gradient_clip: 1 } learning_rate: 2e-4 ",
                                         "decoder_bias: DECODER_BIAS_START_GEOMETRIC_MEDIAN auxiliary_alpha: 0.03125 ",
                                         rest));
}

constexpr char kGroups[] = "group_sizes: [1024, 1024, 2048, 4096, 8192]";

INSTANTIATE_TEST_SUITE_P(
    Libraries, LibraryDefaultsTest,
    testing::Values(
        Library{"sparsify_topk", v1::CONVENTION_SPARSIFY, "topk",
                absl::StrCat("optimizer { ", kAdam, " beta1: 0.9 gradient_clip: 0 } learning_rate: 2e-4 ",
                             "warmup_steps: 1000 decay: LEARNING_RATE_DECAY_LINEAR decay_start_step: 1000 ",
                             "decoder_bias: DECODER_BIAS_START_MEAN dead_after_tokens: 10000000")},
        Library{"saelens_topk", v1::CONVENTION_SAELENS, "topk", SaeLens("auxiliary_alpha: 1")},
        Library{"saelens_batchtopk", v1::CONVENTION_SAELENS, "batchtopk",
                SaeLens("auxiliary_alpha: 1 threshold_decay: 0.99")},
        Library{"saelens_matryoshka", v1::CONVENTION_SAELENS, "matryoshka",
                SaeLens(absl::StrCat("auxiliary_alpha: 1 threshold_decay: 0.99 ", kGroups))},
        Library{"saelens_relu", v1::CONVENTION_SAELENS, "relu", SaeLens("sparsity_coefficient: 1")},
        Library{"saelens_gated", v1::CONVENTION_SAELENS, "gated", SaeLens("sparsity_coefficient: 1")},
        Library{"saelens_jumprelu", v1::CONVENTION_SAELENS, "jumprelu",
                SaeLens("sparsity_coefficient: 1 bandwidth: 0.05 initial_threshold: 0.01 penalty: "
                        "JUMPRELU_PENALTY_STEP")},
        Library{"dictionary_learning_topk", v1::CONVENTION_DICTIONARY_LEARNING, "topk", DictionaryLearningTopK("")},
        Library{"dictionary_learning_batchtopk", v1::CONVENTION_DICTIONARY_LEARNING, "batchtopk",
                DictionaryLearningTopK("threshold_decay: 0.999 threshold_start_step: 1000")},
        Library{"dictionary_learning_matryoshka", v1::CONVENTION_DICTIONARY_LEARNING, "matryoshka",
                DictionaryLearningTopK(absl::StrCat("threshold_decay: 0.999 threshold_start_step: 1000 ", kGroups))},
        Library{"dictionary_learning_relu", v1::CONVENTION_DICTIONARY_LEARNING, "relu",
                DictionaryLearning(absl::StrCat("optimizer { ", kAdam, " beta1: 0.9 gradient_clip: 0 } ",
                                                "learning_rate: 1e-3 decoder_bias: DECODER_BIAS_START_ZERO ",
                                                "sparsity_coefficient: 0.1 sparsity_warmup_steps: 2000"))},
        Library{"dictionary_learning_gated", v1::CONVENTION_DICTIONARY_LEARNING, "gated",
                DictionaryLearning(absl::StrCat("optimizer { ", kAdam, " beta1: 0 gradient_clip: 0 } ",
                                                "learning_rate: 5e-5 decoder_bias: DECODER_BIAS_START_ZERO ",
                                                "sparsity_coefficient: 0.1 sparsity_warmup_steps: 2000"))},
        Library{"dictionary_learning_jumprelu", v1::CONVENTION_DICTIONARY_LEARNING, "jumprelu",
                DictionaryLearning(absl::StrCat("optimizer { ", kAdam, " beta1: 0 gradient_clip: 1 } ",
                                                "learning_rate: 7e-5 decoder_bias: DECODER_BIAS_START_ZERO ",
                                                "sparsity_coefficient: 1 sparsity_warmup_steps: 2000 bandwidth: 0.001 ",
                                                "initial_threshold: 0.001 loss_target_l0: 20"))}),
    [](const auto& info) { return info.param.label; });

TEST(SaeDefaults, EveryConventionOfAnArchitectureHasThem) {
  for (const ArchitectureFacts& facts : KnownArchitectures()) {
    for (const v1::Convention convention :
         {v1::CONVENTION_SPARSIFY, v1::CONVENTION_SAELENS, v1::CONVENTION_DICTIONARY_LEARNING}) {
      const std::string architecture(facts.name);
      if (!HasConvention(architecture, convention)) continue;
      EXPECT_GT(Resolve(Train(convention), architecture).learning_rate(), 0) << architecture << " " << convention;
    }
  }
}

TEST(SaeDefaults, TheFirstConventionIsTheDefault) {
  EXPECT_EQ(ConventionOf(Train(), "topk"), v1::CONVENTION_SPARSIFY);
  EXPECT_EQ(ConventionOf(Train(), "batchtopk"), v1::CONVENTION_DICTIONARY_LEARNING);
  EXPECT_EQ(ConventionOf(Train(), "matryoshka"), v1::CONVENTION_DICTIONARY_LEARNING);
  EXPECT_EQ(ConventionOf(Train(), "relu"), v1::CONVENTION_DICTIONARY_LEARNING);
  EXPECT_EQ(ConventionOf(Train(), "gated"), v1::CONVENTION_DICTIONARY_LEARNING);
  EXPECT_EQ(ConventionOf(Train(), "jumprelu"), v1::CONVENTION_SAELENS);
}

TEST(SaeDefaults, WhatIsCountedInStepsIsCutInShortRuns) {
  StreamShape shape = LongRun();
  shape.steps_per_run = 505;
  shape.rows_per_epoch = 70'000;
  const v1::SaeSpec batchtopk = Resolve(Train(), "batchtopk", shape);
  EXPECT_EQ(batchtopk.warmup_steps(), 50);
  EXPECT_EQ(batchtopk.threshold_start_step(), 252);
  EXPECT_EQ(batchtopk.dead_after_tokens(), 70'000);
  EXPECT_EQ(Resolve(Train(), "relu", shape).sparsity_warmup_steps(), 50);
  EXPECT_EQ(Resolve(Train(v1::CONVENTION_SAELENS), "topk", shape).dead_after_tokens(), 4'096'000);
}

TEST(SaeDefaults, SignumHasSparsifysRateAndNoSchedule) {
  v1::TrainSpec train = Train();
  train.mutable_optimizer()->set_kind(v1::OPTIMIZER_KIND_SIGNUM);
  const v1::SaeSpec sae = Resolve(train, "topk");
  EXPECT_DOUBLE_EQ(sae.learning_rate(), 5e-3);
  EXPECT_EQ(sae.warmup_steps(), 0);
  EXPECT_EQ(sae.decay(), v1::LEARNING_RATE_DECAY_CONSTANT);
  EXPECT_EQ(sae.optimizer().momentum(), 0.95);
  EXPECT_FALSE(sae.optimizer().has_beta1());
  train.set_warmup_steps(3);
  train.set_decay(v1::LEARNING_RATE_DECAY_LINEAR);
  EXPECT_EQ(Resolve(train, "topk").decay_start_step(), 3);
}

TEST(SaeDefaults, AStartMakesTheDecayLinear) {
  v1::TrainSpec train = Train();
  train.set_decay_start_step(600);
  const v1::SaeSpec sae = Resolve(train, "relu");
  EXPECT_EQ(sae.decay(), v1::LEARNING_RATE_DECAY_LINEAR);
  EXPECT_EQ(sae.decay_start_step(), 600);
  EXPECT_EQ(sae.warmup_steps(), 600) << "it ends before the decay begins";
}

TEST(SaeDefaults, CosineEndsWhereTheLibraryEnds) {
  v1::TrainSpec train = Train();
  train.set_decay(v1::LEARNING_RATE_DECAY_COSINE);
  EXPECT_EQ(Resolve(train, "relu").final_learning_rate(), 0);
  train.set_convention(v1::CONVENTION_SAELENS);
  EXPECT_DOUBLE_EQ(Resolve(train, "relu").final_learning_rate(), 3e-5);
  train.set_final_learning_rate(1e-6);
  EXPECT_EQ(Resolve(train, "relu").final_learning_rate(), 1e-6);
}

TEST(SaeDefaults, WhatTheSweepSaysWins) {
  v1::TrainSpec train = Train();
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(batch_tokens: 4096 learning_rate: 0.5 warmup_steps: 0 decay: LEARNING_RATE_DECAY_CONSTANT
         auxiliary { alpha: 2 dead_after_tokens: 9 k: 7 } convention: CONVENTION_SPARSIFY
         optimizer { beta1: 0.1 beta2: 0.2 epsilon: 0.3 gradient_clip: 4 }
         decoder_bias: DECODER_BIAS_START_GEOMETRIC_MEDIAN multi_topk: true init_from: "/d"
         compute: COMPUTE_TYPE_BFLOAT16)",
      &train));
  const v1::SaeSpec sae = Resolve(train, "topk");
  v1::SaeSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(architecture: "topk" latents: 16384 convention: CONVENTION_SPARSIFY learning_rate: 0.5
         decay: LEARNING_RATE_DECAY_CONSTANT auxiliary_alpha: 2 dead_after_tokens: 9 auxiliary_k: 7
         optimizer { kind: OPTIMIZER_KIND_ADAM beta1: 0.1 beta2: 0.2 epsilon: 0.3 gradient_clip: 4 }
         decoder_bias: DECODER_BIAS_START_GEOMETRIC_MEDIAN multi_topk: true init_from: "/d"
         compute: COMPUTE_TYPE_BFLOAT16)",
      &expected));
  EXPECT_EQ(sae.DebugString(), expected.DebugString());
}

TEST(SaeDefaults, APenaltysValuesWin) {
  v1::TrainSpec train = Train();
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "coefficient: 0 warmup_steps: 5 bandwidth: 0.25 threshold: 0.125 penalty: JUMPRELU_PENALTY_TANH",
      train.mutable_sparsity()));
  const v1::SaeSpec sae = Resolve(train, "jumprelu");
  EXPECT_EQ(sae.sparsity_coefficient(), 0);
  EXPECT_EQ(sae.sparsity_warmup_steps(), 5);
  EXPECT_EQ(sae.bandwidth(), 0.25);
  EXPECT_EQ(sae.initial_threshold(), 0.125);
  EXPECT_EQ(sae.penalty(), v1::JUMPRELU_PENALTY_TANH);
  EXPECT_EQ(Resolve(train, "gated").bandwidth(), 0) << "of jumprelu alone";
}

TEST(SaeDefaults, GroupsAreRoundedDownAndTheLastTakesTheRest) {
  v1::MatryoshkaSpec matryoshka;
  for (const double fraction : {0.3, 0.3, 0.4}) matryoshka.add_fractions(fraction);
  EXPECT_THAT(GroupSizes(matryoshka, 11), ElementsAre(3, 3, 5));
  EXPECT_THAT(GroupSizes({}, 512), ElementsAre(32, 32, 64, 128, 256));
}

}  // namespace
}  // namespace seedbed
