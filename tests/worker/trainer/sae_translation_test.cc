#include "worker/trainer/sae_translation.h"

#include <functional>
#include <string>
#include <vector>

#include "common/architectures.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "sae/arch/registry.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::SaeSpec SpecFrom(const std::string& text) {
  v1::SaeSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec));
  return spec;
}

constexpr char kJumprelu[] = R"(
  hookpoint: "layers.9.mlp_in" target_hookpoint: "layers.9.mlp" architecture: "jumprelu" latents: 512 seed: 7
  convention: CONVENTION_SAELENS skip: true
  optimizer { kind: OPTIMIZER_KIND_ADAM beta1: 0.5 beta2: 0.25 epsilon: 0.125 gradient_clip: 4 }
  learning_rate: 0.01 warmup_steps: 3 decay: LEARNING_RATE_DECAY_COSINE final_learning_rate: 0.001
  decoder_bias: DECODER_BIAS_START_ZERO dead_after_tokens: 100 compute: COMPUTE_TYPE_TF32
  sparsity_coefficient: 2 sparsity_warmup_steps: 5 target_l0: 16 bandwidth: 0.05 initial_threshold: 0.02
  penalty: JUMPRELU_PENALTY_TANH)";

TEST(SaeTranslationTest, TakesEveryFieldOver) {
  const absl::StatusOr<SaeConfig> config = MakeSaeConfig(SpecFrom(kJumprelu), 200);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->architecture, "jumprelu");
  EXPECT_EQ(config->convention, Convention::kSaeLens);
  EXPECT_TRUE(config->transcoder);
  EXPECT_TRUE(config->skip);
  EXPECT_EQ(config->d_in, 0);
  EXPECT_EQ(config->latents, 512);
  EXPECT_EQ(config->k, 0);
  EXPECT_EQ(config->seed, 7);
  EXPECT_EQ(config->learning_rate.peak, 0.01);
  EXPECT_EQ(config->learning_rate.warmup_steps, 3);
  EXPECT_EQ(config->learning_rate.total_steps, 200);
  EXPECT_EQ(config->learning_rate.decay, LearningRateSchedule::Decay::kCosine);
  EXPECT_EQ(config->learning_rate.final, 0.001);
  EXPECT_EQ(config->optimizer.kind, OptimizerKind::kAdam);
  EXPECT_EQ(config->optimizer.beta1, 0.5);
  EXPECT_EQ(config->optimizer.beta2, 0.25);
  EXPECT_EQ(config->optimizer.epsilon, 0.125);
  EXPECT_EQ(config->gradient_clip, 4);
  EXPECT_EQ(config->decoder_bias_start, DecoderBiasStart::kZero);
  EXPECT_EQ(config->dead_after_tokens, 100);
  EXPECT_EQ(config->sparsity_coefficient, 2);
  EXPECT_EQ(config->sparsity_warmup_steps, 5);
  EXPECT_EQ(config->target_l0, 16);
  EXPECT_EQ(config->bandwidth, 0.05);
  EXPECT_EQ(config->initial_threshold, 0.02);
  EXPECT_EQ(config->jumprelu_penalty, JumpreluPenalty::kTanh);
  EXPECT_EQ(config->compute, ComputeType::kTf32);
}

TEST(SaeTranslationTest, TakesOverWhatThoseThatKeepKHave) {
  v1::SaeSpec spec = SpecFrom(kJumprelu);
  spec.clear_target_hookpoint();
  spec.set_architecture("matryoshka");
  spec.set_convention(v1::CONVENTION_DICTIONARY_LEARNING);
  spec.set_k(4);
  spec.set_decay(v1::LEARNING_RATE_DECAY_LINEAR);
  spec.set_decay_start_step(50);
  spec.set_auxiliary_alpha(0.5);
  spec.set_auxiliary_k(9);
  spec.set_multi_topk(true);
  spec.set_threshold_decay(0.99);
  spec.set_threshold_start_step(20);
  spec.set_decoder_bias(v1::DECODER_BIAS_START_GEOMETRIC_MEDIAN);
  spec.set_compute(v1::COMPUTE_TYPE_BFLOAT16);
  for (const int64_t size : {128, 384}) spec.add_group_sizes(size);
  const absl::StatusOr<SaeConfig> config = MakeSaeConfig(spec, 200);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->transcoder);
  EXPECT_EQ(config->convention, Convention::kDictionaryLearning);
  EXPECT_EQ(config->k, 4);
  EXPECT_EQ(config->learning_rate.decay, LearningRateSchedule::Decay::kLinear);
  EXPECT_EQ(config->learning_rate.decay_start_step, 50);
  EXPECT_EQ(config->auxiliary_alpha, 0.5);
  EXPECT_EQ(config->auxiliary_k, 9);
  EXPECT_TRUE(config->multi_topk);
  EXPECT_EQ(config->threshold_decay, 0.99);
  EXPECT_EQ(config->threshold_start_step, 20);
  EXPECT_EQ(config->decoder_bias_start, DecoderBiasStart::kGeometricMedian);
  EXPECT_EQ(config->compute, ComputeType::kBfloat16);
  EXPECT_THAT(config->group_sizes, ElementsAre(128, 384));
}

TEST(SaeTranslationTest, OnlySaeLensWarmsUpFromAboveZero) {
  v1::SaeSpec spec = SpecFrom(kJumprelu);
  EXPECT_TRUE(MakeSaeConfig(spec, 200)->learning_rate.warmup_starts_above_zero);
  spec.set_convention(v1::CONVENTION_DICTIONARY_LEARNING);
  EXPECT_FALSE(MakeSaeConfig(spec, 200)->learning_rate.warmup_starts_above_zero);
  spec.set_convention(v1::CONVENTION_SPARSIFY);
  EXPECT_FALSE(MakeSaeConfig(spec, 200)->learning_rate.warmup_starts_above_zero);
}

TEST(SaeTranslationTest, AnOptimizersAbsentNumbersKeepTheirValues) {
  v1::SaeSpec spec = SpecFrom(kJumprelu);
  *spec.mutable_optimizer() = {};
  spec.mutable_optimizer()->set_kind(v1::OPTIMIZER_KIND_SIGNUM);
  spec.mutable_optimizer()->set_momentum(0.75);
  const OptimizerOptions options = MakeSaeConfig(spec, 200)->optimizer;
  EXPECT_EQ(options.kind, OptimizerKind::kSignum);
  EXPECT_EQ(options.momentum, 0.75);
  EXPECT_EQ(options.epsilon, 1e-8);
}

TEST(SaeTranslationTest, WhatIsLeftOpenOrUnknownIsNamed) {
  const auto message_with = [](const std::function<void(v1::SaeSpec&)>& change) {
    v1::SaeSpec spec = SpecFrom(kJumprelu);
    change(spec);
    const absl::Status status = MakeSaeConfig(spec, 200).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message_with([](auto& s) { s.clear_convention(); }), HasSubstr("sae.convention is 0; must be sparsify"));
  EXPECT_THAT(message_with([](auto& s) { s.set_decay(static_cast<v1::LearningRateDecay>(9)); }),
              HasSubstr("sae.decay is 9"));
  EXPECT_THAT(message_with([](auto& s) { s.clear_optimizer(); }), HasSubstr("sae.optimizer.kind is 0"));
  EXPECT_THAT(message_with([](auto& s) { s.clear_decoder_bias(); }), HasSubstr("sae.decoder_bias is 0"));
  EXPECT_THAT(message_with([](auto& s) { s.clear_compute(); }), HasSubstr("sae.compute is 0"));
  EXPECT_THAT(message_with([](auto& s) { s.set_penalty(static_cast<v1::JumpreluPenalty>(9)); }),
              HasSubstr("sae.penalty is 9"));
}

// What the coordinator lets through is what the trainer has.
TEST(KnownArchitecturesTest, AreThoseThatCanBeTrainedInTheSameConventions) {
  std::vector<std::string> known, trainable;
  for (const ArchitectureFacts& facts : KnownArchitectures()) {
    for (const absl::string_view convention : facts.conventions) {
      known.push_back(absl::StrCat(facts.name, " ", convention));
    }
  }
  for (const Architecture& architecture : Architectures()) {
    for (const Convention convention : architecture.conventions) {
      trainable.push_back(absl::StrCat(architecture.name, " ", NameOf(convention)));
    }
  }
  EXPECT_THAT(known, ::testing::UnorderedElementsAreArray(trainable));
}

}  // namespace
}  // namespace seedbed
