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

  absl::StatusOr<StepMetrics> StepOn(TrainableSae* sae, int64_t rows, int step) const {
    const at::Tensor input = MakeBatch(rows, config_.d_in, step);
    return config_.transcoder ? sae->Step(input, MakeBatch(rows, config_.d_out, step + 1000)) : sae->Step(input);
  }
  absl::StatusOr<StepMetrics> Step(TrainableSae* sae, int step) const { return StepOn(sae, 64, step); }

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

// Blocks and tiles of rows that are not full, and more than one of them.
TEST_P(PenaltyKernels, BatchesOfOtherSizesMayFollow) {
  for (const PenaltySteps steps : {PenaltySteps::kSparse, PenaltySteps::kDense}) {
    const auto kernels = Make(steps);
    const auto definition = MakeDefinition();
    for (const int64_t rows : {64, 7, 1200, 33, 1200}) {
      const auto a = StepOn(kernels.get(), rows, 3);
      const auto b = StepOn(definition.get(), rows, 3);
      ASSERT_TRUE(a.ok() && b.ok()) << rows << ": " << a.status() << b.status();
      EXPECT_NEAR(a->loss, b->loss, 1e-5 * b->loss) << rows;
      EXPECT_NEAR(a->l0, b->l0, 1e-3 * b->l0) << rows;  // One of 1200 rows may be on the other side by rounding.
    }
  }
}

TEST_P(PenaltyKernels, ARefusedBatchChangesNothingAndLeavesNoTraceInWhatFollows) {
  for (const PenaltySteps steps : {PenaltySteps::kSparse, PenaltySteps::kByDensity}) {
    const auto once = Make(steps);
    const auto disturbed = Make(steps);
    for (int t = 0; t < 5; ++t) {
      ASSERT_TRUE(Step(once.get(), t).ok());
      const at::Tensor nan = at::full({64, config_.d_in}, std::numeric_limits<float>::quiet_NaN());
      const at::Tensor target = MakeBatch(64, config_.target_width(), 1);
      const auto refused = disturbed->Step(nan, config_.transcoder ? target : nan);
      EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted);
      EXPECT_THAT(refused.status().message(), HasSubstr("step " + std::to_string(t + 1)));
      ASSERT_TRUE(Step(disturbed.get(), t).ok());
    }
    EXPECT_TRUE(SameBytes(once->ExportDictionary(), disturbed->ExportDictionary()));
  }
}

TEST_P(PenaltyKernels, TheSameBatchesGiveTheSameBytes) {
  const auto train = [&] {
    const auto sae = Make(PenaltySteps::kByDensity);
    for (int t = 0; t < 10; ++t) EXPECT_TRUE(Step(sae.get(), t).ok());
    return sae->ExportDictionary();
  };
  EXPECT_TRUE(SameBytes(train(), train()));
}

// The kernels do not depend on the number of threads; matrix products may, by rounding.
TEST(PenaltyThreads, TwoThreadsTrainWhatOneDoes) {
  const int before = at::get_num_threads();
  const absl::Cleanup restore = [before] { at::set_num_threads(before); };
  for (const std::string architecture : {"relu", "gated", "jumprelu"}) {
    const SaeConfig config = Config(architecture, Convention::kSaeLens);
    const auto train = [&](int threads) {
      at::set_num_threads(threads);
      const auto sae = MakeSae(config, *InitialParameters(config), Implementation::kFastest);
      for (int t = 0; t < 10; ++t) EXPECT_TRUE(sae->Step(MakeBatch(64, config.d_in, t)).ok());
      return sae->ExportDictionary();
    };
    ExpectClose(train(2), train(1), 1e-5, architecture);
  }
}

class PenaltyOverflow : public testing::TestWithParam<PenaltySteps> {};

INSTANTIATE_TEST_SUITE_P(Steps, PenaltyOverflow, testing::Values(PenaltySteps::kSparse, PenaltySteps::kDense));

TEST_P(PenaltyOverflow, ALossOrGradientThatOverflowsIsAbortedNamingIt) {
  for (const std::string architecture : {"relu", "gated", "jumprelu"}) {
    const SaeConfig config = Config(architecture, Convention::kSaeLens);
    SaeTensors initial = *InitialParameters(config);
    initial.encoder_weight *= 1e30;  // Activations and errors fit into a float32, their products do not.
    SaeTrainer sae(config, MakePenaltyEngine(config, initial, GetParam()), at::kCPU, Start::kFromData);
    const Dictionary before = sae.ExportDictionary();
    const auto metrics = sae.Step(MakeBatch(64, config.d_in, 1));
    EXPECT_EQ(metrics.status().code(), absl::StatusCode::kAborted);
    EXPECT_THAT(metrics.status().message(), HasSubstr("step 1: the ")) << architecture;
    EXPECT_TRUE(SameBytes(sae.ExportDictionary(), before));
  }
}

TEST(PenaltyEngine, TheTanhPenaltyIsLeftToTheDefinition) {
  SaeConfig config = Config("jumprelu", Convention::kSaeLens);
  config.jumprelu_penalty = JumpreluPenalty::kTanh;
  EXPECT_EQ(MakePenaltyEngine(config, *InitialParameters(config)), nullptr);
  EXPECT_TRUE(MakeSae(config, *InitialParameters(config), Implementation::kFastest)->Step(MakeBatch(64, 20, 1)).ok());
}

// The first step of every training is dense; these go on with sparse ones.
TEST(PenaltyDensity, SparseStepsThatFollowADenseOneAgreeWithTheDefinition) {
  for (const std::string architecture : {"relu", "gated", "jumprelu"}) {
    for (const double clip : {0.0, 0.5}) {
      SaeConfig config = Config(architecture, Convention::kSaeLens);
      config.gradient_clip = clip;
      config.learning_rate.peak = 3e-4;  // It stays as sparse as it is.
      SaeTensors initial = *InitialParameters(config);
      at::Tensor& bias = architecture == "gated" ? initial.gate_bias : initial.encoder_bias;
      bias.fill_(-0.9);  // Pre-activations are around 0.4.
      const auto kernels = MakeSae(config, initial, Implementation::kFastest);
      const auto definition = MakeSae(config, initial, Implementation::kDefinition);
      for (int t = 0; t < 30; ++t) {
        const auto a = kernels->Step(MakeBatch(64, config.d_in, t));
        const auto b = definition->Step(MakeBatch(64, config.d_in, t));
        ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
        EXPECT_EQ(a->l0, b->l0) << architecture << " " << t;
        EXPECT_GT(a->l0, 0);
        EXPECT_LT(a->l0 / static_cast<double>(config.latents), DensityChoice::kSparseBelow) << architecture;
      }
      ExpectClose(kernels->ExportDictionary(), definition->ExportDictionary(), 1e-5, architecture);
    }
  }
}

TEST(PenaltyDensity, StaysWithWhatItDidBetweenTheLimits) {
  DensityChoice choice;
  EXPECT_TRUE(choice.is_dense()) << "the first batch";
  const double between = (DensityChoice::kSparseBelow + DensityChoice::kDenseAbove) / 2;
  choice.Advance(between);
  EXPECT_TRUE(choice.is_dense());
  choice.Advance(DensityChoice::kSparseBelow / 2);
  EXPECT_FALSE(choice.is_dense());
  choice.Advance(between);
  EXPECT_FALSE(choice.is_dense());
  choice.Advance(2 * DensityChoice::kDenseAbove);
  EXPECT_TRUE(choice.is_dense());
}

}  // namespace
}  // namespace seedbed
