// The same initial weights and batches as 20 steps of the peers' own trainers (tests/parity/peers).
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "sae/arch/trained_dictionary.h"
#include "tests/parity/recording.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

constexpr double kTolerance = 1e-4;

const char kFolder[] = SEEDBED_TEST_DATA "/parity";

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
    auto recording = Recording::Open(std::string(kFolder) + "/" + std::get<0>(GetParam()) + ".safetensors");
    ASSERT_TRUE(recording.ok()) << recording.status();
    recording_ = std::make_unique<Recording>(*std::move(recording));
    inputs_ = recording_->Find("inputs");
    targets_ = recording_->Find("targets");
    if (!targets_.defined()) targets_ = inputs_;
    const SaeTensors initial = recording_->Tensors("initial.");
    config_ = recording_->Config(inputs_.size(1));
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
