// Gradients of every architecture's definition against finite differences, in float64.
#include <functional>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "gtest/gtest.h"
#include "sae/arch/initialization.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

constexpr int64_t kRows = 23;

struct Case {
  std::string name;
  SaeConfig config;
};

SaeConfig TinyConfig(const std::string& architecture, Convention convention) {
  SaeConfig config = SmallConfig(architecture, convention);
  config.d_in = 7;
  config.latents = 19;
  config.k = 4;
  config.group_sizes = {3, 6, 10};
  return config;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const Architecture& architecture : Architectures()) {
    for (const Convention convention : architecture.conventions) {
      const std::string name = architecture.name + "_" + NameOf(convention);
      const SaeConfig config = TinyConfig(architecture.name, convention);
      cases.push_back({name, config});
      Case transcoder{name + "_skip_transcoder", config};
      transcoder.config.transcoder = true;
      transcoder.config.skip = true;
      transcoder.config.d_out = 5;
      cases.push_back(transcoder);
    }
  }
  Case tanh{"jumprelu_saelens_tanh", TinyConfig("jumprelu", Convention::kSaeLens)};
  tanh.config.jumprelu_penalty = JumpreluPenalty::kTanh;
  cases.push_back(tanh);
  return cases;
}

// Random, so that no gradient is 0 by chance.
SaeTensors RandomParameters(const SaeConfig& config) {
  SaeTensors parameters = *InitialParameters(config);
  auto random = at::detail::createCPUGenerator(5);
  for (const SaeTensorField& field : kSaeTensorFields) {
    at::Tensor& tensor = parameters.*field.member;
    if (!tensor.defined()) continue;
    const bool is_threshold = field.member == &SaeTensors::threshold;
    tensor = at::randn(tensor.sizes(), random, at::kDouble) * (is_threshold ? 0.05 : 0.7) + (is_threshold ? 0.4 : 0.0);
  }
  return parameters;
}

class Gradient : public testing::TestWithParam<Case> {
 protected:
  Gradient()
      : config_(GetParam().config),
        architecture_(**FindArchitecture(config_.architecture)),
        input_(MakeBatch(kRows, config_.d_in, 1).to(at::kDouble)),
        target_(config_.transcoder ? MakeBatch(kRows, config_.d_out, 2).to(at::kDouble) : input_) {}

  SaeLoss Loss(const SaeTensors& parameters) const {
    const at::Tensor variance = (target_ - ColumnMeans(target_)).square().sum();
    return architecture_.loss(
        {config_, parameters, input_, target_, variance, at::Tensor(), /*sparsity_coefficient=*/0.1});
  }

  const SaeConfig config_;
  const Architecture& architecture_;
  const at::Tensor input_;
  const at::Tensor target_;
};

// Straight-through estimators and what is taken as given are no derivatives of the loss; what they are instead, the
// steps of peers decide (peer_parity_test), and those of auxiliary losses, too.
bool IsDerivative(const SaeConfig& config, const SaeTensorField& field) {
  const auto is = [&field](at::Tensor SaeTensors::*member) { return field.member == member; };
  if (is(&SaeTensors::threshold)) return false;
  const bool decodes = is(&SaeTensors::decoder_weight) || is(&SaeTensors::decoder_bias) || is(&SaeTensors::skip_weight);
  return !(decodes && config.architecture == "gated" && config.convention == Convention::kDictionaryLearning);
}

TEST_P(Gradient, EqualsFiniteDifferences) {
  SaeTensors parameters = RandomParameters(config_);
  SaeTensors leaves;
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& tensor = parameters.*field.member;
    if (tensor.defined()) leaves.*field.member = tensor.clone().requires_grad_(true);
  }
  const SaeLoss loss = Loss(leaves);
  loss.loss.backward();

  constexpr double kStep = 1e-6;
  for (const SaeTensorField& field : kSaeTensorFields) {
    at::Tensor& tensor = parameters.*field.member;
    if (!tensor.defined() || !IsDerivative(config_, field)) continue;
    at::Tensor expected = at::zeros_like(tensor);
    double* values = tensor.mutable_data_ptr<double>();
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      const double value = values[i];
      const auto at_value = [&](double moved) {
        values[i] = moved;
        return Loss(parameters).loss.item<double>();
      };
      expected.mutable_data_ptr<double>()[i] = (at_value(value + kStep) - at_value(value - kStep)) / (2 * kStep);
      values[i] = value;
    }
    EXPECT_LE(RelativeDifference((leaves.*field.member).grad(), expected), 1e-6) << field.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Gradient, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace seedbed
