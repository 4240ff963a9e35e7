#include "tests/parity/recording.h"

#include <cstring>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "common/status.h"
#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

using Json = nlohmann::json;

Convention ConventionOf(const std::string& name) {
  for (const Convention convention : {Convention::kSparsify, Convention::kSaeLens}) {
    if (name == NameOf(convention)) return convention;
  }
  return Convention::kDictionaryLearning;
}

LearningRateSchedule ScheduleOf(const Json& json) {
  LearningRateSchedule schedule;
  schedule.peak = json["peak"];
  schedule.warmup_steps = json["warmup_steps"];
  schedule.total_steps = json["total_steps"];
  schedule.decay_start_step = json["decay_start"];
  schedule.final = json["end"];
  schedule.warmup_starts_above_zero = json["warmup_offset"] == 1;
  const std::string decay = json["decay"];
  schedule.decay = decay == "linear"   ? LearningRateSchedule::Decay::kLinear
                   : decay == "cosine" ? LearningRateSchedule::Decay::kCosine
                                       : LearningRateSchedule::Decay::kConstant;
  return schedule;
}

OptimizerOptions OptimizerOf(const Json& json) {
  OptimizerOptions options;
  if (json["kind"] == "signum") {
    options.kind = OptimizerKind::kSignum;
    options.momentum = json["momentum"];
    return options;
  }
  options.beta1 = json["beta1"];
  options.beta2 = json["beta2"];
  options.epsilon = json["epsilon"];
  return options;
}

SaeConfig ConfigOf(const Json& json, const SaeTensors& initial, int64_t rows) {
  SaeConfig config;
  config.architecture = json["architecture"];
  config.convention = ConventionOf(json["convention"]);
  config.d_in = initial.encoder_weight.size(1);
  config.latents = initial.encoder_weight.size(0);
  config.transcoder = json["transcode"];
  config.skip = json["skip"];
  config.k = json["k"];
  config.group_sizes = json["group_sizes"].get<std::vector<int64_t>>();
  config.learning_rate = ScheduleOf(json["learning_rate"]);
  config.optimizer = OptimizerOf(json["optimizer"]);
  config.gradient_clip = json["gradient_clip"];
  const std::string start = json["bias_start"];
  config.decoder_bias_start = start == "mean"   ? DecoderBiasStart::kMean
                              : start == "zero" ? DecoderBiasStart::kZero
                                                : DecoderBiasStart::kGeometricMedian;
  config.auxiliary_alpha = json["auxiliary_alpha"];
  config.dead_after_tokens = json.contains("dead_after_tokens") ? json["dead_after_tokens"].get<int64_t>()
                                                                : json["dead_after_steps"].get<int64_t>() * rows;
  config.multi_topk = json["multi_topk"];
  config.sparsity_coefficient = json["sparsity_coefficient"];
  config.sparsity_warmup_steps = json["sparsity_warmup_steps"];
  config.bandwidth = json["bandwidth"];
  config.jumprelu_penalty = json["sparsity_loss"] == "tanh" ? JumpreluPenalty::kTanh : JumpreluPenalty::kStep;
  config.initial_threshold = 0.01;  // Of nothing: `initial` has the thresholds.
  config.loss_target_l0 = json["target_l0"];
  config.threshold_decay = json["threshold_decay"];
  config.threshold_start_step = json["threshold_start_step"];
  return config;
}

at::ScalarType ScalarTypeOf(TensorType type) {
  switch (type) {
    case TensorType::kF64:
      return at::kDouble;
    case TensorType::kI64:
      return at::kLong;
    default:
      return at::kFloat;
  }
}

}  // namespace

absl::StatusOr<Recording> Recording::Open(const std::string& path) {
  ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
  if (file.metadata().count("config") == 0) return absl::InvalidArgumentError(path + ": has no config in its metadata");
  return Recording(std::move(file));
}

SaeConfig Recording::Config(int64_t rows) const {
  return ConfigOf(Json::parse(file_.metadata().at("config")), Tensors("initial."), rows);
}

at::Tensor Recording::Find(const std::string& name) const {
  const auto view = file_.Find(name);
  if (!view.ok()) return {};
  at::Tensor tensor = at::empty(view->shape, ScalarTypeOf(view->type));
  std::memcpy(tensor.mutable_data_ptr(), view->bytes.data(), view->bytes.size());
  return tensor;
}

SaeTensors Recording::Tensors(const std::string& prefix) const {
  SaeTensors tensors;
  for (const SaeTensorField& field : kSaeTensorFields) tensors.*field.member = Find(prefix + field.name);
  return tensors;
}

SaeTensors Recording::AfterStep(int64_t step) const {
  SaeTensors tensors = Tensors("steps.");
  for (const SaeTensorField& field : kSaeTensorFields) {
    at::Tensor& tensor = tensors.*field.member;
    if (tensor.defined()) tensor = tensor[step].clone();
  }
  return tensors;
}

}  // namespace seedbed
