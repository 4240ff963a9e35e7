// Relu, gated and jumprelu: kernels and definition keep the same promises.
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/ops/full.h"
#include "absl/cleanup/cleanup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/cpu/penalty_density.h"
#include "sae/arch/cpu/penalty_engine.h"
#include "sae/arch/definition_engine.h"
#include "sae/arch/sae_trainer.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string name;
  SaeConfig config;
};

// Many latents are active at first, and fewer as the penalty comes to bear.
SaeConfig Config(const std::string& architecture, Convention convention) {
  SaeConfig config = SmallConfig(architecture, convention);
  config.latents = 150;
  config.seed = 8;  // With which no pre-activation comes so near 0 that its rounding decides whether it is active.
  config.sparsity_coefficient = 0.5;
  config.sparsity_warmup_steps = 10;
  config.dead_after_tokens = 200;
  config.learning_rate = {3e-3, 10, 60, LearningRateSchedule::Decay::kLinear};
  return config;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const std::string architecture : {"relu", "gated", "jumprelu"}) {
    for (const Convention convention : {Convention::kSaeLens, Convention::kDictionaryLearning}) {
      const std::string name = architecture + "_" + NameOf(convention);
      const auto add = [&](const std::string& what, auto change) {
        cases.push_back({name + what, Config(architecture, convention)});
        change(&cases.back().config);
      };
      add("", [](SaeConfig*) {});
      add("_clipped", [](SaeConfig* config) { config->gradient_clip = 0.5; });
      add("_momentless", [](SaeConfig* config) { config->optimizer.beta1 = 0; });
      add("_signum", [](SaeConfig* config) {
        config->optimizer.kind = OptimizerKind::kSignum;
        config->learning_rate.peak = 1e-3;
      });
      add("_skip_transcoder", [](SaeConfig* config) {
        config->transcoder = true;
        config->skip = true;
        config->d_out = 36;
      });
      add("_skip_autoencoder_clipped", [](SaeConfig* config) {
        config->skip = true;
        config->gradient_clip = 0.5;
      });
    }
  }
  return cases;
}

std::string NameOfCase(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class PenaltyKernels : public testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<TrainableSae> Make(PenaltySteps steps) const {
    return std::make_unique<SaeTrainer>(config_, MakePenaltyEngine(config_, initial_, steps), at::kCPU,
                                        Start::kFromData);
  }
  std::unique_ptr<TrainableSae> MakeDefinition() const {
    return MakeSae(config_, initial_, Implementation::kDefinition);
  }

  absl::StatusOr<StepMetrics> Step(TrainableSae* sae, int step) const {
    const at::Tensor input = MakeBatch(64, config_.d_in, step);
    return config_.transcoder ? sae->Step(input, MakeBatch(64, config_.d_out, step + 1000)) : sae->Step(input);
  }

  void ExpectAsDefinition(PenaltySteps steps) const {
    const auto kernels = Make(steps);
    const auto definition = MakeDefinition();
    for (int t = 0; t < 50; ++t) {
      const auto a = Step(kernels.get(), t);
      const auto b = Step(definition.get(), t);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      EXPECT_NEAR(a->loss, b->loss, 1e-5 * b->loss) << t;
      EXPECT_NEAR(a->fvu, b->fvu, 1e-5 * b->fvu) << t;
      EXPECT_NEAR(a->mse, b->mse, 1e-5 * b->mse) << t;
      EXPECT_EQ(a->l0, b->l0) << t;
      EXPECT_EQ(a->dead_fraction, b->dead_fraction) << t;
    }
    ExpectClose(kernels->ExportDictionary(), definition->ExportDictionary(), 1e-5, "after 50 steps");
  }

  const SaeConfig config_ = GetParam().config;
  const SaeTensors initial_ = *InitialParameters(config_);
};

INSTANTIATE_TEST_SUITE_P(Configs, PenaltyKernels, testing::ValuesIn(Cases()), NameOfCase);

TEST_P(PenaltyKernels, SparseStepsAgreeWithTheDefinition) { ExpectAsDefinition(PenaltySteps::kSparse); }

TEST_P(PenaltyKernels, DenseStepsAgreeWithTheDefinition) { ExpectAsDefinition(PenaltySteps::kDense); }

TEST_P(PenaltyKernels, StepsChosenByDensityAgreeWithTheDefinition) { ExpectAsDefinition(PenaltySteps::kByDensity); }

}  // namespace
}  // namespace seedbed
