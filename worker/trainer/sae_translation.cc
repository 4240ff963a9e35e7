#include "worker/trainer/sae_translation.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status EnumError(absl::string_view field, int value, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, "; must be ", allowed));
}

absl::StatusOr<Convention> ConventionOf(v1::Convention convention) {
  switch (convention) {
    case v1::CONVENTION_SPARSIFY:
      return Convention::kSparsify;
    case v1::CONVENTION_SAELENS:
      return Convention::kSaeLens;
    case v1::CONVENTION_DICTIONARY_LEARNING:
      return Convention::kDictionaryLearning;
    default:
      return EnumError("sae.convention", convention, "sparsify, saelens or dictionary_learning");
  }
}

absl::StatusOr<LearningRateSchedule::Decay> DecayOf(v1::LearningRateDecay decay) {
  switch (decay) {
    case v1::LEARNING_RATE_DECAY_LINEAR:
      return LearningRateSchedule::Decay::kLinear;
    case v1::LEARNING_RATE_DECAY_CONSTANT:
      return LearningRateSchedule::Decay::kConstant;
    case v1::LEARNING_RATE_DECAY_COSINE:
      return LearningRateSchedule::Decay::kCosine;
    default:
      return EnumError("sae.decay", decay, "linear, constant or cosine");
  }
}

absl::StatusOr<DecoderBiasStart> DecoderBiasStartOf(v1::DecoderBiasStart start) {
  switch (start) {
    case v1::DECODER_BIAS_START_ZERO:
      return DecoderBiasStart::kZero;
    case v1::DECODER_BIAS_START_MEAN:
      return DecoderBiasStart::kMean;
    case v1::DECODER_BIAS_START_GEOMETRIC_MEDIAN:
      return DecoderBiasStart::kGeometricMedian;
    default:
      return EnumError("sae.decoder_bias", start, "zero, mean or geometric_median");
  }
}

absl::StatusOr<ComputeType> ComputeTypeOf(v1::ComputeType compute) {
  switch (compute) {
    case v1::COMPUTE_TYPE_FLOAT32:
      return ComputeType::kFloat32;
    case v1::COMPUTE_TYPE_TF32:
      return ComputeType::kTf32;
    case v1::COMPUTE_TYPE_BFLOAT16:
      return ComputeType::kBfloat16;
    default:
      return EnumError("sae.compute", compute, "float32, tf32 or bfloat16");
  }
}

// Unspecified for those that have no choice of penalties.
absl::StatusOr<JumpreluPenalty> PenaltyOf(v1::JumpreluPenalty penalty) {
  switch (penalty) {
    case v1::JUMPRELU_PENALTY_UNSPECIFIED:
    case v1::JUMPRELU_PENALTY_STEP:
      return JumpreluPenalty::kStep;
    case v1::JUMPRELU_PENALTY_TANH:
      return JumpreluPenalty::kTanh;
    default:
      return EnumError("sae.penalty", penalty, "step or tanh");
  }
}

// What a kind does not use is absent, and keeps the value that it has in OptimizerOptions.
absl::StatusOr<OptimizerOptions> OptimizerOf(const v1::OptimizerSpec& spec) {
  OptimizerOptions options;
  if (spec.kind() != v1::OPTIMIZER_KIND_ADAM && spec.kind() != v1::OPTIMIZER_KIND_SIGNUM) {
    return EnumError("sae.optimizer.kind", spec.kind(), "adam or signum");
  }
  options.kind = spec.kind() == v1::OPTIMIZER_KIND_ADAM ? OptimizerKind::kAdam : OptimizerKind::kSignum;
  if (spec.has_beta1()) options.beta1 = spec.beta1();
  if (spec.has_beta2()) options.beta2 = spec.beta2();
  if (spec.has_epsilon()) options.epsilon = spec.epsilon();
  if (spec.has_momentum()) options.momentum = spec.momentum();
  return options;
}

absl::StatusOr<LearningRateSchedule> LearningRateOf(const v1::SaeSpec& spec, int64_t total_steps) {
  LearningRateSchedule schedule;
  schedule.peak = spec.learning_rate();
  schedule.warmup_steps = spec.warmup_steps();
  schedule.total_steps = total_steps;
  ASSIGN_OR_RETURN(schedule.decay, DecayOf(spec.decay()));
  schedule.decay_start_step = spec.decay_start_step();
  schedule.final = spec.final_learning_rate();
  schedule.warmup_starts_above_zero = spec.convention() == v1::CONVENTION_SAELENS;
  return schedule;
}

void TakeNumbers(const v1::SaeSpec& spec, SaeConfig& config) {
  config.architecture = spec.architecture();
  config.transcoder = !spec.target_hookpoint().empty();
  config.skip = spec.skip();
  config.latents = spec.latents();
  config.k = spec.k();
  config.seed = spec.seed();
  config.group_sizes.assign(spec.group_sizes().begin(), spec.group_sizes().end());
  config.gradient_clip = spec.optimizer().gradient_clip();
  config.auxiliary_alpha = spec.auxiliary_alpha();
  config.auxiliary_k = spec.auxiliary_k();
  config.dead_after_tokens = spec.dead_after_tokens();
  config.multi_topk = spec.multi_topk();
  config.sparsity_coefficient = spec.sparsity_coefficient();
  config.sparsity_warmup_steps = spec.sparsity_warmup_steps();
  config.target_l0 = spec.target_l0();
  config.loss_target_l0 = spec.loss_target_l0();
  config.bandwidth = spec.bandwidth();
  config.initial_threshold = spec.initial_threshold();
  config.threshold_decay = spec.threshold_decay();
  config.threshold_start_step = spec.threshold_start_step();
}

}  // namespace

absl::StatusOr<SaeConfig> MakeSaeConfig(const v1::SaeSpec& spec, int64_t total_steps) {
  SaeConfig config;
  TakeNumbers(spec, config);
  ASSIGN_OR_RETURN(config.convention, ConventionOf(spec.convention()));
  ASSIGN_OR_RETURN(config.learning_rate, LearningRateOf(spec, total_steps));
  ASSIGN_OR_RETURN(config.optimizer, OptimizerOf(spec.optimizer()));
  ASSIGN_OR_RETURN(config.decoder_bias_start, DecoderBiasStartOf(spec.decoder_bias()));
  ASSIGN_OR_RETURN(config.jumprelu_penalty, PenaltyOf(spec.penalty()));
  ASSIGN_OR_RETURN(config.compute, ComputeTypeOf(spec.compute()));
  return config;
}

}  // namespace seedbed
