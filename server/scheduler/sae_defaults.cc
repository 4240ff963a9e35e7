#include "server/scheduler/sae_defaults.h"

#include <algorithm>
#include <cmath>

#include "absl/algorithm/container.h"
#include "common/architectures.h"
#include "common/enum_word.h"

namespace seedbed {
namespace {

constexpr v1::Convention kSparsify = v1::CONVENTION_SPARSIFY;
constexpr v1::Convention kSaeLens = v1::CONVENTION_SAELENS;
constexpr v1::Convention kDictionaryLearning = v1::CONVENTION_DICTIONARY_LEARNING;

constexpr v1::LearningRateDecay kLinear = v1::LEARNING_RATE_DECAY_LINEAR;
constexpr v1::LearningRateDecay kConstant = v1::LEARNING_RATE_DECAY_CONSTANT;

constexpr v1::DecoderBiasStart kZero = v1::DECODER_BIAS_START_ZERO;
constexpr v1::DecoderBiasStart kMean = v1::DECODER_BIAS_START_MEAN;
constexpr v1::DecoderBiasStart kMedian = v1::DECODER_BIAS_START_GEOMETRIC_MEDIAN;

// Learning rate: 2e-4 / sqrt(latents / 16384).
constexpr double kScalingLaw = 0;

// What a library does with an architecture where nothing else is said.
struct Defaults {
  v1::Convention convention;
  absl::string_view architecture;
  double learning_rate;
  int64_t warmup_steps;
  v1::LearningRateDecay decay;
  double beta1;  // beta2 is 0.999 and epsilon 1e-8 in all of them.
  double gradient_clip;
  v1::DecoderBiasStart decoder_bias;
  // Where k latents are kept:
  double auxiliary_alpha;
  double threshold_decay;
  int64_t threshold_start_step;
  // Where there is a penalty:
  double sparsity_coefficient;
  int64_t sparsity_warmup_steps;
  double bandwidth;
  double initial_threshold;
  double target_l0;
};

constexpr Defaults kDefaults[] = {
    // sparsify/config.py, sparsify/trainer.py.
    {kSparsify, "topk", kScalingLaw, 1000, kLinear, 0.9, 0, kMean, 0, 0, 0, 0, 0, 0, 0, 0},
    // sae_lens/config.py (LanguageModelSAERunnerConfig), training/sae_trainer.py (the clip), saes/topk_sae.py.
    {kSaeLens, "topk", 3e-4, 0, kConstant, 0.9, 1, kZero, 1, 0, 0, 0, 0, 0, 0, 0},
    // The same, saes/batchtopk_sae.py (topk_threshold_lr 0.01).
    {kSaeLens, "batchtopk", 3e-4, 0, kConstant, 0.9, 1, kZero, 1, 0.99, 0, 0, 0, 0, 0, 0},
    // The same, saes/matryoshka_batchtopk_sae.py.
    {kSaeLens, "matryoshka", 3e-4, 0, kConstant, 0.9, 1, kZero, 1, 0.99, 0, 0, 0, 0, 0, 0},
    // The same, saes/standard_sae.py (l1_coefficient).
    {kSaeLens, "relu", 3e-4, 0, kConstant, 0.9, 1, kZero, 0, 0, 0, 1, 0, 0, 0, 0},
    // The same, saes/gated_sae.py (l1_coefficient).
    {kSaeLens, "gated", 3e-4, 0, kConstant, 0.9, 1, kZero, 0, 0, 0, 1, 0, 0, 0, 0},
    // The same, saes/jumprelu_sae.py (l0_coefficient, jumprelu_bandwidth, jumprelu_init_threshold).
    {kSaeLens, "jumprelu", 3e-4, 0, kConstant, 0.9, 1, kZero, 0, 0, 0, 1, 0, 0.05, 0.01, 0},
    // dictionary_learning/trainers/top_k.py (TopKTrainer).
    {kDictionaryLearning, "topk", kScalingLaw, 1000, kConstant, 0.9, 1, kMedian, 1.0 / 32, 0, 0, 0, 0, 0, 0, 0},
    // trainers/batch_top_k.py (BatchTopKTrainer).
    {kDictionaryLearning, "batchtopk", kScalingLaw, 1000, kConstant, 0.9, 1, kMedian, 1.0 / 32, 0.999, 1000, 0, 0, 0, 0,
     0},
    // trainers/matryoshka_batch_top_k.py (MatryoshkaBatchTopKTrainer).
    {kDictionaryLearning, "matryoshka", kScalingLaw, 1000, kConstant, 0.9, 1, kMedian, 1.0 / 32, 0.999, 1000, 0, 0, 0,
     0, 0},
    // trainers/standard.py (StandardTrainer), dictionary.py (AutoEncoder).
    {kDictionaryLearning, "relu", 1e-3, 1000, kConstant, 0.9, 0, kZero, 0, 0, 0, 0.1, 2000, 0, 0, 0},
    // trainers/gdm.py (GatedSAETrainer), dictionary.py (GatedAutoEncoder).
    {kDictionaryLearning, "gated", 5e-5, 1000, kConstant, 0, 0, kZero, 0, 0, 0, 0.1, 2000, 0, 0, 0},
    // trainers/jumprelu.py (JumpReluTrainer), dictionary.py (JumpReluAutoEncoder).
    {kDictionaryLearning, "jumprelu", 7e-5, 1000, kConstant, 0, 1, kZero, 0, 0, 0, 1, 2000, 0.001, 0.001, 20},
};

// sparsify/trainer.py (ScheduleFreeWrapper).
constexpr double kSignumMomentum = 0.95;

// dictionary_learning's and sparsify's dead_feature_threshold, in rows; SAELens' dead_feature_window, in batches.
constexpr int64_t kDeadAfterTokens = 10'000'000;
constexpr int64_t kDeadAfterBatches = 1000;

// No library has a default. Every prefix is twice as wide as the one before.
constexpr double kGroupFractions[] = {1.0 / 16, 1.0 / 16, 1.0 / 8, 1.0 / 4, 1.0 / 2};

const Defaults& DefaultsOf(v1::Convention convention, absl::string_view architecture) {
  return *absl::c_find_if(
      kDefaults, [&](const Defaults& row) { return row.convention == convention && row.architecture == architecture; });
}

bool UsesSignum(const v1::TrainSpec& train) { return train.optimizer().kind() == v1::OPTIMIZER_KIND_SIGNUM; }

void ResolveOptimizer(const v1::TrainSpec& train, const Defaults& defaults, v1::SaeSpec& sae) {
  const v1::OptimizerSpec& given = train.optimizer();
  v1::OptimizerSpec& optimizer = *sae.mutable_optimizer();
  optimizer.set_gradient_clip(given.has_gradient_clip() ? given.gradient_clip() : defaults.gradient_clip);
  if (UsesSignum(train)) {
    optimizer.set_kind(v1::OPTIMIZER_KIND_SIGNUM);
    optimizer.set_momentum(given.has_momentum() ? given.momentum() : kSignumMomentum);
    return;
  }
  optimizer.set_kind(v1::OPTIMIZER_KIND_ADAM);
  optimizer.set_beta1(given.has_beta1() ? given.beta1() : defaults.beta1);
  optimizer.set_beta2(given.has_beta2() ? given.beta2() : 0.999);
  optimizer.set_epsilon(given.has_epsilon() ? given.epsilon() : 1e-8);
}

// sparsify's Signum has no schedule.
v1::LearningRateDecay DecayOf(const v1::TrainSpec& train, const Defaults& defaults) {
  if (train.decay() != v1::LEARNING_RATE_DECAY_UNSPECIFIED) return train.decay();
  if (train.has_decay_start_step()) return kLinear;
  return UsesSignum(train) ? kConstant : defaults.decay;
}

int64_t WarmupSteps(const v1::TrainSpec& train, const Defaults& defaults, int64_t steps) {
  if (train.has_warmup_steps()) return train.warmup_steps();
  if (UsesSignum(train)) return 0;
  const int64_t warmup_steps = std::min(defaults.warmup_steps, steps / 10);
  return train.has_decay_start_step() ? std::min(warmup_steps, train.decay_start_step()) : warmup_steps;
}

void ResolveLearningRate(const v1::TrainSpec& train, const Defaults& defaults, int64_t steps, v1::SaeSpec& sae) {
  sae.set_learning_rate(LearningRateOf(train, sae.architecture(), sae.latents()));
  sae.set_warmup_steps(WarmupSteps(train, defaults, steps));
  sae.set_decay(DecayOf(train, defaults));
  if (sae.decay() == kLinear) {
    sae.set_decay_start_step(train.has_decay_start_step() ? train.decay_start_step() : sae.warmup_steps());
  }
  if (sae.decay() == v1::LEARNING_RATE_DECAY_COSINE) {
    // lr_end of sae_lens/config.py.
    const double final_by_default = defaults.convention == kSaeLens ? sae.learning_rate() / 10 : 0;
    sae.set_final_learning_rate(train.has_final_learning_rate() ? train.final_learning_rate() : final_by_default);
  }
}

void ResolveKept(const v1::TrainSpec& train, const Defaults& defaults, int64_t steps, v1::SaeSpec& sae) {
  sae.set_auxiliary_alpha(train.auxiliary().has_alpha() ? train.auxiliary().alpha() : defaults.auxiliary_alpha);
  sae.set_auxiliary_k(train.auxiliary().k());
  sae.set_threshold_decay(defaults.threshold_decay);
  sae.set_threshold_start_step(std::min(defaults.threshold_start_step, steps / 2));
  sae.set_multi_topk(sae.architecture() == "topk" && defaults.convention == kSparsify && train.multi_topk());
  if (sae.architecture() != "matryoshka") return;
  for (const int64_t size : GroupSizes(train.matryoshka(), sae.latents())) sae.add_group_sizes(size);
}

void ResolvePenalty(const v1::TrainSpec& train, const Defaults& defaults, int64_t steps, v1::SaeSpec& sae) {
  const v1::SparsitySpec& given = train.sparsity();
  sae.set_sparsity_coefficient(given.has_coefficient() ? given.coefficient() : defaults.sparsity_coefficient);
  sae.set_sparsity_warmup_steps(given.has_warmup_steps() ? given.warmup_steps()
                                                         : std::min(defaults.sparsity_warmup_steps, steps / 10));
  if (defaults.target_l0 > 0) sae.set_loss_target_l0(sae.target_l0() > 0 ? sae.target_l0() : defaults.target_l0);
  if (sae.architecture() != "jumprelu") return;
  sae.set_bandwidth(given.has_bandwidth() ? given.bandwidth() : defaults.bandwidth);
  sae.set_initial_threshold(given.has_threshold() ? given.threshold() : defaults.initial_threshold);
  if (defaults.convention == kSaeLens) {
    sae.set_penalty(given.penalty() == v1::JUMPRELU_PENALTY_TANH ? given.penalty() : v1::JUMPRELU_PENALTY_STEP);
  }
}

int64_t DeadAfterTokens(const v1::TrainSpec& train, const Defaults& defaults, int64_t rows_per_epoch) {
  if (train.auxiliary().has_dead_after_tokens()) return train.auxiliary().dead_after_tokens();
  if (defaults.convention == kSaeLens) return kDeadAfterBatches * train.batch_tokens();
  return std::min(kDeadAfterTokens, rows_per_epoch);
}

}  // namespace

std::string ConventionName(v1::Convention convention) {
  return EnumWord(v1::Convention_Name(convention), "CONVENTION_");
}

bool HasConvention(absl::string_view architecture, v1::Convention convention) {
  return absl::c_linear_search(FindArchitectureFacts(architecture)->conventions, ConventionName(convention));
}

v1::Convention ConventionOf(const v1::TrainSpec& train, absl::string_view architecture) {
  if (train.convention() != v1::CONVENTION_UNSPECIFIED) return train.convention();
  const absl::string_view name = FindArchitectureFacts(architecture)->conventions.front();
  for (const v1::Convention convention : {kSparsify, kSaeLens, kDictionaryLearning}) {
    if (ConventionName(convention) == name) return convention;
  }
  return v1::CONVENTION_UNSPECIFIED;
}

double LearningRateOf(const v1::TrainSpec& train, absl::string_view architecture, int64_t latents) {
  if (train.has_learning_rate()) return train.learning_rate();
  const double scale = std::sqrt(static_cast<double>(latents) / 16384.0);
  if (UsesSignum(train)) return 5e-3 / scale;
  const Defaults& defaults = DefaultsOf(ConventionOf(train, architecture), architecture);
  return defaults.learning_rate == kScalingLaw ? 2e-4 / scale : defaults.learning_rate;
}

double DefaultTargetL0(v1::Convention convention, absl::string_view architecture) {
  return DefaultsOf(convention, architecture).target_l0;
}

std::vector<int64_t> GroupSizes(const v1::MatryoshkaSpec& matryoshka, int64_t latents) {
  std::vector<double> fractions(matryoshka.fractions().begin(), matryoshka.fractions().end());
  if (fractions.empty()) fractions.assign(std::begin(kGroupFractions), std::end(kGroupFractions));
  std::vector<int64_t> sizes;
  int64_t left = latents;
  for (size_t i = 0; i + 1 < fractions.size(); ++i) {
    sizes.push_back(static_cast<int64_t>(fractions[i] * static_cast<double>(latents)));
    left -= sizes.back();
  }
  sizes.push_back(left);
  return sizes;
}

void ResolveSae(const v1::TrainSpec& train, const StreamShape& shape, v1::SaeSpec& sae) {
  const Defaults& defaults = DefaultsOf(ConventionOf(train, sae.architecture()), sae.architecture());
  sae.set_convention(defaults.convention);
  ResolveOptimizer(train, defaults, sae);
  ResolveLearningRate(train, defaults, shape.steps_per_run, sae);
  if (FindArchitectureFacts(sae.architecture())->keeps_k) {
    ResolveKept(train, defaults, shape.steps_per_run, sae);
  } else {
    ResolvePenalty(train, defaults, shape.steps_per_run, sae);
  }
  sae.set_decoder_bias(train.decoder_bias() == v1::DECODER_BIAS_START_UNSPECIFIED ? defaults.decoder_bias
                                                                                  : train.decoder_bias());
  sae.set_dead_after_tokens(DeadAfterTokens(train, defaults, shape.rows_per_epoch));
  sae.set_init_from(train.init_from());
  sae.set_compute(train.compute() == v1::COMPUTE_TYPE_UNSPECIFIED ? v1::COMPUTE_TYPE_FLOAT32 : train.compute());
}

}  // namespace seedbed
