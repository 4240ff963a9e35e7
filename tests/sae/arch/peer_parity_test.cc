// The same initial weights and batches as 20 steps of the peers' own trainers (tests/parity/peers).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/ops/empty.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "sae/arch/trained_dictionary.h"
#include "sae/io/safetensors.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

using Json = nlohmann::json;

constexpr double kTolerance = 1e-4;

const char kFolder[] = SEEDBED_TEST_DATA "/parity";

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
  EXPECT_EQ(config.unit_decoder(), json["unit_decoder"].get<bool>());
  return config;
}

// A file of what a peer did.
class Recording {
 public:
  explicit Recording(SafetensorsFile file) : file_(std::move(file)) {}

  Json config() const { return Json::parse(file_.metadata().at("config")); }

  // Undefined where there is none.
  at::Tensor Find(const std::string& name) const {
    const auto view = file_.Find(name);
    if (!view.ok()) return {};
    at::Tensor tensor = at::empty(view->shape, view->type == TensorType::kF64   ? at::kDouble
                                               : view->type == TensorType::kI64 ? at::kLong
                                                                                : at::kFloat);
    std::memcpy(tensor.mutable_data_ptr(), view->bytes.data(), view->bytes.size());
    return tensor;
  }

  SaeTensors Tensors(const std::string& prefix) const {
    SaeTensors tensors;
    for (const SaeTensorField& field : kSaeTensorFields) tensors.*field.member = Find(prefix + field.name);
    return tensors;
  }

  SaeTensors AfterStep(int64_t step) const {
    SaeTensors tensors = Tensors("steps.");
    for (const SaeTensorField& field : kSaeTensorFields) {
      at::Tensor& tensor = tensors.*field.member;
      if (tensor.defined()) tensor = tensor[step].clone();
    }
    return tensors;
  }

 private:
  SafetensorsFile file_;
};

// sparsify makes rows unit rows, and SAELens thresholds positive, before a step; here they are so after one.
void FinishStep(const SaeConfig& config, SaeTensors* tensors) {
  at::Tensor& decoder = tensors->decoder_weight;
  at::Tensor& threshold = tensors->threshold;
  if (config.unit_decoder()) decoder = decoder / decoder.norm(2, {1}, /*keepdim=*/true);
  if (threshold.defined() && config.convention == Convention::kSaeLens) threshold = threshold.clamp_min(0);
}

// Of Signum, the average that is saved: from y and, with the z that y and the peer's own average imply, unit rows of y.
SaeTensors Averaged(const SaeConfig& config, const SaeTensors& after, const SaeTensors& averages) {
  SaeTensors y = after;
  FinishStep(config, &y);
  const double weight = 1 - 1 / config.optimizer.momentum;
  SaeTensors expected;
  for (const SaeTensorField& field : kSaeTensorFields) {
    if (!(after.*field.member).defined()) continue;
    const at::Tensor z = after.*field.member + (averages.*field.member - after.*field.member) / weight;
    expected.*field.member = y.*field.member + weight * (z - y.*field.member);
  }
  return expected;
}

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

class PeerParity : public testing::TestWithParam<std::tuple<std::string, Implementation>> {
 protected:
  void SetUp() override {
    auto file = SafetensorsFile::Open(std::string(kFolder) + "/" + std::get<0>(GetParam()) + ".safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    recording_ = std::make_unique<Recording>(*std::move(file));
    inputs_ = recording_->Find("inputs");
    targets_ = recording_->Find("targets");
    if (!targets_.defined()) targets_ = inputs_;
    const SaeTensors initial = recording_->Tensors("initial.");
    config_ = ConfigOf(recording_->config(), initial, inputs_.size(1));
    ASSERT_TRUE(CheckConfig(config_).ok()) << CheckConfig(config_);
    sae_ = MakeSae(config_, initial, std::get<1>(GetParam()));
  }

  StepMetrics Step(int64_t t) {
    const auto metrics = sae_->Step(inputs_[t].contiguous(), targets_[t].contiguous());
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    return metrics.ok() ? *metrics : StepMetrics();
  }

  void ExpectLosses(int64_t t, const StepMetrics& metrics) const {
    const auto expect = [&](const char* name, double value) {
      const at::Tensor recorded = recording_->Find(name);
      if (!recorded.defined()) return;
      const double expected = recorded[t].item<double>();
      EXPECT_NEAR(value, expected, kTolerance * std::abs(expected)) << name << ", step " << t;
    };
    expect("losses", metrics.loss);
    expect("fvu", metrics.fvu);
    expect("l0", metrics.l0);
    expect("auxiliary_losses", metrics.auxiliary_loss);
  }

  void ExpectParameters(int64_t t) const {
    SaeTensors expected = recording_->AfterStep(t);
    FinishStep(config_, &expected);
    const at::Tensor threshold = recording_->Find("steps.batch_threshold");
    const double value = threshold.defined() ? threshold[t].item<double>() : 0;
    Dictionary dictionary = TrainedDictionary(config_, expected, value);
    Dictionary actual = sae_->ExportDictionary();
    if (value < 0) dictionary.threshold = actual.threshold;  // The peer has none so far.
    ExpectClose(actual, dictionary, kTolerance, "step " + std::to_string(t));
  }

  std::unique_ptr<Recording> recording_;
  at::Tensor inputs_;   // [steps, rows, d]
  at::Tensor targets_;  // [steps, rows, d]
  SaeConfig config_;
  std::unique_ptr<TrainableSae> sae_;
};

TEST_P(PeerParity, LossesAndParametersAfterEveryStep) {
  const bool is_signum = config_.optimizer.kind == OptimizerKind::kSignum;
  for (int64_t t = 0; t < inputs_.size(0); ++t) {
    ExpectLosses(t, Step(t));
    if (!is_signum) ExpectParameters(t);
  }
  if (!is_signum) return;
  const SaeTensors after = recording_->AfterStep(inputs_.size(0) - 1);
  ExpectClose(sae_->ExportDictionary(), Averaged(config_, after, recording_->Tensors("final.")), kTolerance, "average");
}

INSTANTIATE_TEST_SUITE_P(Recordings, PeerParity,
                         testing::Combine(testing::ValuesIn(CaseNames()),
                                          testing::Values(Implementation::kFastest, Implementation::kDefinition)),
                         [](const auto& info) {
                           const bool fastest = std::get<1>(info.param) == Implementation::kFastest;
                           return std::get<0>(info.param) + (fastest ? "_fastest" : "_definition");
                         });

}  // namespace
}  // namespace seedbed
