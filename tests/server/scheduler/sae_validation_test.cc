// What a sweep may say of its architectures and of their training.
#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/sweep_validation.h"
#include "tests/server/support/bad_spec.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// The demo's sweep with this architecture instead of topk.
void Train(v1::SweepSpec& spec, const char* architecture) {
  spec.mutable_sae()->add_architectures(architecture);
  const bool keeps_k = std::string(architecture) == "batchtopk" || std::string(architecture) == "matryoshka";
  if (!keeps_k) spec.mutable_sae()->clear_k();
}

void AddTranscoder(v1::SweepSpec& spec, const char* input, const char* target) {
  v1::TranscoderSpec& transcoder = *spec.mutable_sae()->add_transcoders();
  transcoder.set_input(input);
  transcoder.set_target(target);
}

class SaeValidationTest : public testing::TestWithParam<BadSpec> {};

TEST_P(SaeValidationTest, NamesTheFieldWhatWasFoundAndWhatIsAllowed) { ExpectOneViolation(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Grid, SaeValidationTest,
    testing::Values(
        BadSpec{"nothing_to_train_on", [](auto& s) { s.mutable_sae()->clear_hookpoints(); }, "sae.hookpoints",
                "is empty; must have at least one value, or sae.transcoders must"},
        BadSpec{"k_of_penalties",
                [](auto& s) {
                  Train(s, "relu");
                  s.mutable_sae()->add_k(3);
                },
                "sae.k", "is given; must be absent: no architecture of the sweep keeps k latents"},
        BadSpec{"k_missing_in_a_mixture",
                [](auto& s) {
                  Train(s, "relu");
                  s.mutable_sae()->add_architectures("topk");
                },
                "sae.k", "is empty; must have at least one value"},
        BadSpec{"target_of_topk", [](auto& s) { s.mutable_sae()->add_target_l0(16); }, "sae.target_l0",
                "is given; must be absent: no architecture of the sweep has a sparsity penalty"},
        BadSpec{"target_zero",
                [](auto& s) {
                  Train(s, "relu");
                  s.mutable_sae()->add_target_l0(0);
                },
                "sae.target_l0[0]", "is 0; must be above 0 and below latents (512)"},
        BadSpec{"target_all",
                [](auto& s) {
                  Train(s, "gated");
                  s.mutable_sae()->add_target_l0(512);
                },
                "sae.target_l0[0]", "is 512; must be above 0 and below latents (512)"},
        BadSpec{"target_nan",
                [](auto& s) {
                  Train(s, "jumprelu");
                  s.mutable_sae()->add_target_l0(kNan);
                },
                "sae.target_l0[0]", "is nan"},
        BadSpec{"target_twice",
                [](auto& s) {
                  Train(s, "relu");
                  for (int i = 0; i < 2; ++i) s.mutable_sae()->add_target_l0(7);
                },
                "sae.target_l0[1]", "is the same as sae.target_l0[0]"},
        BadSpec{"default_target",
                [](auto& s) {
                  Train(s, "jumprelu");
                  s.mutable_train()->set_convention(v1::CONVENTION_DICTIONARY_LEARNING);
                  s.mutable_sae()->set_latents(0, 20);
                },
                "sae.target_l0",
                "is absent, and jumprelu's default in this convention is 20; must be given below latents (20)"},
        BadSpec{"transcoder_of_nothing", [](auto& s) { AddTranscoder(s, "", "layers.9.mlp"); },
                "sae.transcoders[0].input", "is \"\"; must be 1..128 characters of a name"},
        BadSpec{"transcoder_of_a_pattern", [](auto& s) { AddTranscoder(s, "layers.9.mlp_in", "layers.*.mlp"); },
                "sae.transcoders[0].target", "is \"layers.*.mlp\"; must be 1..128 characters of a name"},
        BadSpec{"transcoder_to_itself", [](auto& s) { AddTranscoder(s, "layers.9.mlp", "layers.9.mlp"); },
                "sae.transcoders[0].target", "is \"layers.9.mlp\", the input itself; must be another hookpoint"},
        BadSpec{"transcoder_twice",
                [](auto& s) {
                  for (int i = 0; i < 2; ++i) AddTranscoder(s, "layers.9.mlp_in", "layers.9.mlp");
                },
                "sae.transcoders[1]", "is the same as sae.transcoders[0]"},
        BadSpec{"runs_of_both_kinds",
                [](auto& s) {
                  for (const char* name : {"topk", "relu"}) s.mutable_sae()->add_architectures(name);
                  for (int target = 1; target <= 500; ++target) s.mutable_sae()->add_target_l0(target);
                  AddTranscoder(s, "layers.9.mlp_in", "layers.9.mlp");
                  for (int seed = 3; seed < 10; ++seed) s.mutable_sae()->add_seeds(seed);
                },
                "sae", "makes 10020 runs; must make at most 10000"}),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    Convention, SaeValidationTest,
    testing::Values(BadSpec{"unknown",
                            [](auto& s) { s.mutable_train()->set_convention(static_cast<v1::Convention>(9)); },
                            "train.convention", "is 9; must be sparsify, saelens or dictionary_learning"},
                    BadSpec{"not_of_relu",
                            [](auto& s) {
                              Train(s, "relu");
                              s.mutable_train()->set_convention(v1::CONVENTION_SPARSIFY);
                            },
                            "train.convention", "is sparsify; must be one that relu has: dictionary_learning, saelens"},
                    BadSpec{"not_of_one_of_several",
                            [](auto& s) {
                              for (const char* name : {"topk", "matryoshka"}) s.mutable_sae()->add_architectures(name);
                              s.mutable_train()->set_convention(v1::CONVENTION_SPARSIFY);
                            },
                            "train.convention", "must be one that matryoshka has"}),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    Optimizer, SaeValidationTest,
    testing::Values(
        BadSpec{"kind",
                [](auto& s) { s.mutable_train()->mutable_optimizer()->set_kind(static_cast<v1::OptimizerKind>(9)); },
                "train.optimizer.kind", "is 9; must be adam or signum"},
        BadSpec{"beta1", [](auto& s) { s.mutable_train()->mutable_optimizer()->set_beta1(1); }, "train.optimizer.beta1",
                "is 1; must be at least 0 and below 1"},
        BadSpec{"beta2", [](auto& s) { s.mutable_train()->mutable_optimizer()->set_beta2(kNan); },
                "train.optimizer.beta2", "is nan; must be at least 0 and below 1"},
        BadSpec{"epsilon", [](auto& s) { s.mutable_train()->mutable_optimizer()->set_epsilon(0); },
                "train.optimizer.epsilon", "is 0; must be finite and above 0"},
        BadSpec{"momentum",
                [](auto& s) {
                  s.mutable_train()->mutable_optimizer()->set_kind(v1::OPTIMIZER_KIND_SIGNUM);
                  s.mutable_train()->mutable_optimizer()->set_momentum(1.5);
                },
                "train.optimizer.momentum", "is 1.5; must be above 0 and at most 1"},
        BadSpec{"momentum_of_adam", [](auto& s) { s.mutable_train()->mutable_optimizer()->set_momentum(0.9); },
                "train.optimizer.momentum", "is given; must be absent unless train.optimizer.kind is signum"},
        BadSpec{"beta_of_signum",
                [](auto& s) {
                  s.mutable_train()->mutable_optimizer()->set_kind(v1::OPTIMIZER_KIND_SIGNUM);
                  s.mutable_train()->mutable_optimizer()->set_beta2(0.9);
                },
                "train.optimizer.beta2", "is given; must be absent unless train.optimizer.kind is adam"},
        BadSpec{"gradient_clip", [](auto& s) { s.mutable_train()->mutable_optimizer()->set_gradient_clip(kInf); },
                "train.optimizer.gradient_clip", "is inf; must be finite and at least 0"}),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    LearningRate, SaeValidationTest,
    testing::Values(BadSpec{"decay_start_before_warmup_ends",
                            [](auto& s) {
                              s.mutable_train()->set_warmup_steps(100);
                              s.mutable_train()->set_decay_start_step(99);
                            },
                            "train.decay_start_step", "is 99; must be 100.."},
                    BadSpec{"decay_start_after_the_end", [](auto& s) { s.mutable_train()->set_decay_start_step(4080); },
                            "train.decay_start_step", "is 4080; must be less than the steps of a run (4080)"},
                    BadSpec{"decay_start_of_cosine",
                            [](auto& s) {
                              s.mutable_train()->set_decay(v1::LEARNING_RATE_DECAY_COSINE);
                              s.mutable_train()->set_decay_start_step(10);
                            },
                            "train.decay_start_step", "is 10; must be absent unless train.decay is linear"},
                    BadSpec{"final_of_linear", [](auto& s) { s.mutable_train()->set_final_learning_rate(0); },
                            "train.final_learning_rate", "is 0; must be absent unless train.decay is cosine"},
                    BadSpec{"final_above",
                            [](auto& s) {
                              s.mutable_train()->set_decay(v1::LEARNING_RATE_DECAY_COSINE);
                              s.mutable_train()->set_final_learning_rate(0.004);
                            },
                            "train.final_learning_rate", "is 0.004; must be at most the learning rate (0.003)"}),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    OfArchitectures, SaeValidationTest,
    testing::Values(
        BadSpec{"auxiliary_of_relu",
                [](auto& s) {
                  Train(s, "relu");
                  s.mutable_train()->mutable_auxiliary()->set_alpha(1);
                },
                "train.auxiliary.alpha", "is given; must be absent unless the sweep has an architecture that keeps k"},
        BadSpec{"auxiliary_k", [](auto& s) { s.mutable_train()->mutable_auxiliary()->set_k(0); }, "train.auxiliary.k",
                "is 0; must be 1.."},
        BadSpec{"coefficient", [](auto& s) { s.mutable_train()->mutable_sparsity()->set_coefficient(-1); },
                "train.sparsity.coefficient", "is -1; must be finite and at least 0"},
        BadSpec{"coefficient_of_topk", [](auto& s) { s.mutable_train()->mutable_sparsity()->set_coefficient(1); },
                "train.sparsity.coefficient", "is given; must be absent unless the sweep has relu, gated or jumprelu"},
        BadSpec{"warmup_of_topk", [](auto& s) { s.mutable_train()->mutable_sparsity()->set_warmup_steps(1); },
                "train.sparsity.warmup_steps", "is given; must be absent unless"},
        BadSpec{"bandwidth_of_gated",
                [](auto& s) {
                  Train(s, "gated");
                  s.mutable_train()->mutable_sparsity()->set_bandwidth(1);
                },
                "train.sparsity.bandwidth", "is given; must be absent unless the sweep has jumprelu"},
        BadSpec{"threshold_zero",
                [](auto& s) {
                  Train(s, "jumprelu");
                  s.mutable_train()->mutable_sparsity()->set_threshold(0);
                },
                "train.sparsity.threshold", "is 0; must be finite and above 0"},
        BadSpec{"penalty_of_dictionary_learning",
                [](auto& s) {
                  Train(s, "jumprelu");
                  s.mutable_train()->set_convention(v1::CONVENTION_DICTIONARY_LEARNING);
                  s.mutable_train()->mutable_sparsity()->set_penalty(v1::JUMPRELU_PENALTY_TANH);
                },
                "train.sparsity.penalty", "unless the sweep has jumprelu in saelens' convention"},
        BadSpec{"fractions_of_topk", [](auto& s) { s.mutable_train()->mutable_matryoshka()->add_fractions(1); },
                "train.matryoshka.fractions", "is given; must be absent unless the sweep has matryoshka"},
        BadSpec{"fractions_sum",
                [](auto& s) {
                  Train(s, "matryoshka");
                  for (const double fraction : {0.5, 0.25})
                    s.mutable_train()->mutable_matryoshka()->add_fractions(fraction);
                },
                "train.matryoshka.fractions", "has the sum 0.75; must have the sum 1"},
        BadSpec{"fraction_without_a_latent",
                [](auto& s) {
                  Train(s, "matryoshka");
                  for (const double fraction : {0.001, 0.999})
                    s.mutable_train()->mutable_matryoshka()->add_fractions(fraction);
                  s.mutable_sae()->set_latents(0, 1000);
                  s.mutable_sae()->add_latents(16);
                },
                "train.matryoshka.fractions", "leave group 0 of 2 without a latent of 16"},
        BadSpec{"multi_topk_elsewhere",
                [](auto& s) {
                  s.mutable_train()->set_convention(v1::CONVENTION_SAELENS);
                  s.mutable_train()->set_multi_topk(true);
                },
                "train.multi_topk", "is given; must be absent unless the sweep has topk in sparsify's convention"},
        BadSpec{"decoder_bias",
                [](auto& s) { s.mutable_train()->set_decoder_bias(static_cast<v1::DecoderBiasStart>(9)); },
                "train.decoder_bias", "is 9; must be zero, mean or geometric_median"},
        BadSpec{"compute", [](auto& s) { s.mutable_train()->set_compute(static_cast<v1::ComputeType>(9)); },
                "train.compute", "is 9; must be float32, tf32 or bfloat16"}),
    [](const auto& info) { return info.param.label; });

// A dictionary to start from, and one seed, which then decides nothing.
void StartFrom(v1::SweepSpec& spec, const char* folder) {
  spec.mutable_train()->set_init_from(folder);
  spec.mutable_sae()->clear_seeds();
  spec.mutable_sae()->add_seeds(0);
}

INSTANTIATE_TEST_SUITE_P(
    InitFrom, SaeValidationTest,
    testing::Values(BadSpec{"relative", [](auto& s) { StartFrom(s, "runs/r0"); }, "train.init_from",
                            "is \"runs/r0\"; must be an absolute path"},
                    BadSpec{"widths",
                            [](auto& s) {
                              StartFrom(s, "/runs/r0");
                              s.mutable_sae()->add_latents(1024);
                            },
                            "sae.latents", "has 2 values; must have one where train.init_from is given"},
                    BadSpec{"seeds", [](auto& s) { s.mutable_train()->set_init_from("/runs/r0"); }, "sae.seeds",
                            "has 3 values; must have one where train.init_from is given"},
                    BadSpec{"normalized",
                            [](auto& s) {
                              StartFrom(s, "/runs/r0");
                              s.mutable_activations()->set_normalize(v1::NORMALIZATION_MEAN_SQUARE);
                            },
                            "train.init_from", "must be absent where activations.normalize is mean_square"}),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    Checkpoint, SaeValidationTest,
    testing::Values(BadSpec{"checkpoint_rows", [](auto& s) { s.mutable_checkpoint()->set_every_tokens(-1); },
                            "checkpoint.every_tokens", "is -1; must be 0.."},
                    BadSpec{"checkpoint_time", [](auto& s) { s.mutable_checkpoint()->set_every_minutes(1e6); },
                            "checkpoint.every_minutes", "is 1e+06; must be 0..10080"}),
    [](const auto& info) { return info.param.label; });

INSTANTIATE_TEST_SUITE_P(
    Evaluation, SaeValidationTest,
    testing::Values(BadSpec{"negative", [](auto& s) { s.mutable_evaluation()->set_sequences(-1); },
                            "evaluation.sequences", "is -1; must be 0.."},
                    BadSpec{"never",
                            [](auto& s) {
                              s.mutable_evaluation()->set_sequences(8);
                              s.mutable_evaluation()->set_every_tokens(0);
                            },
                            "evaluation.every_tokens", "is 0; must be 1.."},
                    BadSpec{"of_nothing", [](auto& s) { s.mutable_evaluation()->set_every_tokens(1000); },
                            "evaluation.every_tokens",
                            "is given; must be absent unless evaluation.sequences is above 0"},
                    BadSpec{"too_many_rows",
                            [](auto& s) {
                              s.mutable_evaluation()->set_sequences(8);
                              s.mutable_evaluation()->set_held_out_rows(65537);
                            },
                            "evaluation.held_out_rows", "is 65537; must be 0..65536"},
                    BadSpec{"rows_of_nothing", [](auto& s) { s.mutable_evaluation()->set_held_out_rows(8); },
                            "evaluation.held_out_rows",
                            "is given; must be absent unless evaluation.sequences is above 0"},
                    BadSpec{"of_a_folder",
                            [](auto& s) {
                              s.clear_data();
                              s.clear_activations();
                              s.mutable_activations()->set_source(v1::ACTIVATION_SOURCE_FOLDER);
                              s.mutable_activations()->set_path("/rows");
                              s.mutable_evaluation()->set_sequences(8);
                            },
                            "evaluation", "is given; must be absent where activations come from a folder"}),
    [](const auto& info) { return info.param.label; });

TEST(SaeValidation, ASweepOfPenaltiesNeedsNoK) {
  for (const char* architecture : {"relu", "gated", "jumprelu"}) {
    v1::SweepSpec spec = DemoSweep();
    Train(spec, architecture);
    EXPECT_TRUE(ValidateSweep(spec).violations.empty()) << architecture;
    spec.mutable_sae()->add_target_l0(31.5);
    EXPECT_TRUE(ValidateSweep(spec).violations.empty()) << architecture;
  }
}

TEST(SaeValidation, AutoencodersMaySkip) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_sae()->set_skip(true);
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
  AddTranscoder(spec, "layers.9.mlp_in", "layers.9.mlp");
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
}

TEST(SaeValidation, TranscodersNeedNoHookpointsAndMaySkip) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_sae()->clear_hookpoints();
  AddTranscoder(spec, "model.layers.9.mlp_in", "layers.9.mlp");
  AddTranscoder(spec, "layers.9.mlp", "layers.9.mlp_in");
  spec.mutable_sae()->set_skip(true);
  for (const v1::Convention convention :
       {v1::CONVENTION_SPARSIFY, v1::CONVENTION_SAELENS, v1::CONVENTION_DICTIONARY_LEARNING}) {
    spec.mutable_train()->set_convention(convention);
    EXPECT_TRUE(ValidateSweep(spec).violations.empty()) << convention;
  }
}

TEST(SaeValidation, AKeyThatOneOfTheArchitecturesUsesIsTaken) {
  v1::SweepSpec spec = DemoSweep();
  for (const char* name : {"topk", "matryoshka", "jumprelu"}) spec.mutable_sae()->add_architectures(name);
  v1::TrainSpec& train = *spec.mutable_train();
  train.set_multi_topk(true);
  for (const double fraction : {0.25, 0.25, 0.5}) train.mutable_matryoshka()->add_fractions(fraction);
  train.mutable_auxiliary()->set_k(7);
  train.mutable_sparsity()->set_bandwidth(0.1);
  train.mutable_sparsity()->set_penalty(v1::JUMPRELU_PENALTY_TANH);
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
}

TEST(SaeValidation, ADictionaryToStartFromIsTaken) {
  v1::SweepSpec spec = DemoSweep();
  StartFrom(spec, "/runs/r0");
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
}

TEST(SaeValidation, TakesAnEvaluation) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_evaluation()->set_sequences(8);
  spec.mutable_evaluation()->set_every_tokens(10'000);
  EXPECT_TRUE(ValidateSweep(spec).violations.empty());
}

}  // namespace
}  // namespace seedbed
