// TopK of sparsify's convention: kernels and definition keep the same promises.
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/ops/full.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/zeros.h"
#include "absl/cleanup/cleanup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/initialization.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

SaeTensors Initial(const SaeConfig& config) { return *InitialParameters(config); }

class Topk : public testing::TestWithParam<Implementation> {
 protected:
  static std::unique_ptr<TrainableSae> Make(const SaeConfig& config, const SaeTensors& initial) {
    return MakeSae(config, initial, GetParam());
  }
  static std::unique_ptr<TrainableSae> Make(const SaeConfig& config) { return Make(config, Initial(config)); }

  // Expects an error with these words, and the SAE to be as it was.
  static void ExpectRefused(TrainableSae* sae, const at::Tensor& batch, absl::StatusCode code,
                            const std::string& named) {
    const Dictionary before = sae->ExportDictionary();
    const int64_t steps = sae->steps();
    const auto metrics = sae->Step(batch);
    EXPECT_EQ(metrics.status().code(), code) << metrics.status();
    EXPECT_THAT(metrics.status().message(), HasSubstr(named));
    EXPECT_TRUE(SameBytes(sae->ExportDictionary(), before));
    EXPECT_EQ(sae->steps(), steps);
  }
};

INSTANTIATE_TEST_SUITE_P(Implementations, Topk, testing::Values(Implementation::kFastest, Implementation::kDefinition),
                         [](const auto& info) {
                           return info.param == Implementation::kFastest ? "Kernels" : "Definition";
                         });

TEST_P(Topk, ABatchThatIsNotFiniteIsAbortedAndChangesNothing) {
  const SaeConfig config = SmallConfig();
  // Refused as its first batch and as its fourth.
  for (const int good_steps : {0, 3}) {
    const auto sae = Make(config);
    for (int t = 0; t < good_steps; ++t) ASSERT_TRUE(sae->Step(MakeBatch(64, config.d_in, t)).ok());
    const std::string step = "step " + std::to_string(good_steps + 1);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f}) {
      at::Tensor batch = MakeBatch(64, config.d_in, 9);
      batch[17][3] = bad;
      ExpectRefused(sae.get(), batch, absl::StatusCode::kAborted, step);
    }
    EXPECT_TRUE(sae->Step(MakeBatch(64, config.d_in, 9)).ok());
  }
}

TEST_P(Topk, ARefusedBatchLeavesNoTraceInWhatFollows) {
  const SaeConfig config = SmallConfig();
  const auto once = Make(config);
  const auto disturbed = Make(config);
  for (int t = 0; t < 5; ++t) {
    ASSERT_TRUE(once->Step(MakeBatch(64, config.d_in, t)).ok());
    const at::Tensor nan = at::full({64, config.d_in}, std::numeric_limits<float>::quiet_NaN());
    EXPECT_FALSE(disturbed->Step(nan).ok());
    ASSERT_TRUE(disturbed->Step(MakeBatch(64, config.d_in, t)).ok());
  }
  EXPECT_TRUE(SameBytes(once->ExportDictionary(), disturbed->ExportDictionary()));
}

TEST_P(Topk, ABatchWithoutVarianceIsAbortedNamingIt) {
  const auto sae = Make(SmallConfig());
  const at::Tensor constant = at::full({64, 20}, 0.7f);
  ExpectRefused(sae.get(), constant, absl::StatusCode::kAborted, "total variance 0");
}

TEST_P(Topk, AGradientThatOverflowsIsAbortedNamingItsTensor) {
  SaeConfig config = SmallConfig();
  SaeTensors initial = Initial(config);
  initial.encoder_weight *= 1e30;  // Activations and errors fit into a float32, their products do not.
  const auto sae = Make(config, initial);
  ExpectRefused(sae.get(), MakeBatch(64, config.d_in, 1), absl::StatusCode::kAborted, "step 1: the ");
}

TEST_P(Topk, ABatchOfAnotherKindIsRefused) {
  const SaeConfig config = SmallConfig();
  const auto sae = Make(config);
  const at::Tensor good = MakeBatch(64, config.d_in, 1);
  ExpectRefused(sae.get(), MakeBatch(64, 21, 1), absl::StatusCode::kInvalidArgument, "[64, 21]");
  ExpectRefused(sae.get(), good.narrow(0, 0, 0), absl::StatusCode::kInvalidArgument, "[0, 20]");
  ExpectRefused(sae.get(), good[0], absl::StatusCode::kInvalidArgument, "[20]");
  ExpectRefused(sae.get(), good.to(at::kDouble), absl::StatusCode::kInvalidArgument, "Double");
  ExpectRefused(sae.get(), MakeBatch(20, 64, 1).t(), absl::StatusCode::kInvalidArgument, "not contiguous");
}

TEST_P(Topk, LearnsAndReportsWhatItDid) {
  SaeConfig config = SmallConfig();
  const auto sae = Make(config);
  double first = 0, last = 0;
  for (int t = 0; t < 100; ++t) {
    const at::Tensor batch = MakeBatch(64, config.d_in, t);
    const auto metrics = sae->Step(batch);
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    if (t == 0) first = metrics->fvu;
    last = metrics->fvu;
    const double variance = (batch - batch.mean(0)).square().mean().item<double>();
    EXPECT_NEAR(metrics->mse, metrics->fvu * variance, 1e-5 * metrics->mse);
    EXPECT_LE(metrics->l0, static_cast<double>(config.k));
    EXPECT_GT(metrics->l0, 0.9 * static_cast<double>(config.k));
    EXPECT_EQ(metrics->auxiliary_loss, 0);
  }
  EXPECT_LT(last, 0.6 * first);
  EXPECT_EQ(sae->steps(), 100);
  const at::Tensor norms = sae->ExportDictionary().decoder_weight.norm(2, {1});
  EXPECT_LE((norms - 1).abs().max().item<double>(), 1e-6);
}

TEST_P(Topk, TheWarmUpsFirstStepLeavesTheWeightsAndSetsTheDecoderBias) {
  const SaeConfig config = SmallConfig();
  const auto sae = Make(config);
  const Dictionary before = sae->ExportDictionary();
  const at::Tensor batch = MakeBatch(64, config.d_in, 1);
  ASSERT_TRUE(sae->Step(batch).ok());
  const Dictionary after = sae->ExportDictionary();
  EXPECT_TRUE(at::equal(after.encoder_weight, before.encoder_weight));
  EXPECT_LE(RelativeDifference(after.decoder_bias, batch.mean(0)), 1e-6);
}

// Latents 0 to 2 read nothing but a bias, so that what fires is known.
SaeTensors Staged(const SaeConfig& config) {
  SaeTensors tensors = Initial(config);
  tensors.encoder_weight.zero_();
  tensors.encoder_bias = at::zeros({config.latents});
  tensors.encoder_bias[1] = 5;
  return tensors;
}

TEST_P(Topk, ALatentIsDeadOnceMoreThanTheAllowedRowsPassedWithoutIt) {
  SaeConfig config = SmallConfig();
  config.k = 1;
  config.latents = 4;
  config.dead_after_tokens = 64;
  config.learning_rate = {1e-6, 0, 100, LearningRateSchedule::Decay::kLinear};
  const auto sae = Make(config, Staged(config));
  const std::vector<double> expected = {0, 0, 0.75, 0.75};  // 32, 64, 96 rows: 3 of 4 have not fired.
  for (int t = 0; t < 4; ++t) {
    EXPECT_EQ(sae->Step(MakeBatch(32, config.d_in, t))->dead_fraction, expected[static_cast<size_t>(t)]) << t;
  }
}

TEST_P(Topk, ALatentKeptWithActivationZeroHasFiredAndIsNotActive) {
  SaeConfig config = SmallConfig();
  config.k = 3;
  config.latents = 4;
  config.dead_after_tokens = 16;
  config.learning_rate = {1e-6, 0, 100, LearningRateSchedule::Decay::kLinear};
  SaeTensors initial = Staged(config);
  initial.encoder_bias[0] = -1;  // So 1 is positive; 0 and 2 are the first zeros; 3 is not kept.
  initial.encoder_bias[2] = -1;
  initial.encoder_bias[3] = -1;
  const auto sae = Make(config, initial);
  const auto metrics = sae->Step(MakeBatch(32, config.d_in, 0));
  ASSERT_TRUE(metrics.ok());
  EXPECT_EQ(metrics->l0, 1);
  EXPECT_EQ(metrics->dead_fraction, 0.25);
}

TEST_P(Topk, TheAuxiliaryLossTeachesDeadLatentsDecoderRowsAlone) {
  SaeConfig config = SmallConfig();
  config.k = 1;
  config.latents = 4;
  config.dead_after_tokens = 16;
  config.auxiliary_alpha = 0.5;
  config.learning_rate = {1e-2, 0, 100, LearningRateSchedule::Decay::kConstant};
  SaeTensors initial = Staged(config);
  initial.encoder_bias[3] = 1;  // Positive, but never the largest.
  const auto sae = Make(config, initial);
  EXPECT_EQ(sae->Step(MakeBatch(32, config.d_in, 0))->auxiliary_loss, 0);
  const Dictionary before = sae->ExportDictionary();
  EXPECT_GT(sae->Step(MakeBatch(32, config.d_in, 1))->auxiliary_loss, 0);
  const Dictionary after = sae->ExportDictionary();
  EXPECT_FALSE(at::equal(after.decoder_weight[3], before.decoder_weight[3]));
  EXPECT_TRUE(at::equal(after.encoder_weight[3], before.encoder_weight[3]));
  EXPECT_EQ(after.encoder_bias[3].item<float>(), before.encoder_bias[3].item<float>());
}

TEST_P(Topk, KEqualToTheLatentsKeepsAllThatArePositive) {
  SaeConfig config = SmallConfig();
  config.k = config.latents;
  const auto sae = Make(config);
  for (int t = 0; t < 5; ++t) {
    const auto metrics = sae->Step(MakeBatch(64, config.d_in, t));
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_LT(metrics->l0, static_cast<double>(config.latents));
    EXPECT_GT(metrics->l0, 5);
  }
}

TEST_P(Topk, BatchesOfOtherSizesMayFollow) {
  const SaeConfig config = SmallConfig();
  const auto sae = Make(config);
  for (const int64_t rows : {64, 7, 1200, 33, 1200}) {
    const auto metrics = sae->Step(MakeBatch(rows, config.d_in, 3));
    EXPECT_TRUE(metrics.ok()) << rows << ": " << metrics.status();
  }
}

TEST_P(Topk, ASeedGivesTheSameBytesAndAnotherSeedOthers) {
  SaeConfig config = SmallConfig();
  config.auxiliary_alpha = 1.0 / 32;
  config.dead_after_tokens = 100;
  const auto train = [&](uint64_t seed) {
    config.seed = seed;
    const auto sae = Make(config);
    for (int t = 0; t < 20; ++t) EXPECT_TRUE(sae->Step(MakeBatch(64, config.d_in, t)).ok());
    return sae->ExportDictionary();
  };
  const Dictionary first = train(1);
  EXPECT_TRUE(SameBytes(first, train(1)));
  EXPECT_GT(RelativeDifference(train(2).encoder_weight, first.encoder_weight), 0.5);
}

// Duplicate rows of the batch and duplicate latents make every selection a tie.
TEST_P(Topk, TiesAreDecidedByTheLowerLatent) {
  SaeConfig config = SmallConfig();
  config.k = 2;
  config.latents = 4;
  config.dead_after_tokens = 1;
  SaeTensors initial = Initial(config);
  initial.encoder_weight.zero_();
  initial.encoder_bias.fill_(1);
  const auto sae = Make(config, initial);
  const at::Tensor half = MakeBatch(16, config.d_in, 1);
  const auto metrics = sae->Step(half.repeat({2, 1}));
  ASSERT_TRUE(metrics.ok());
  EXPECT_EQ(metrics->l0, 2);
  EXPECT_EQ(metrics->dead_fraction, 0.5);
  ASSERT_TRUE(sae->Step(half.repeat({2, 1})).ok());  // The warm-up's first step had the learning rate 0.
  const at::Tensor decoder = sae->ExportDictionary().decoder_weight;
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(RelativeDifference(decoder[i], initial.decoder_weight[i]) > 1e-4, i < 2) << "latent " << i;
  }
}

struct Sizes {
  int64_t d_in;
  int64_t latents;
  int64_t k;
  int64_t rows;
  double alpha;
};

class KernelsAgainstDefinition : public testing::TestWithParam<Sizes> {};

// Both sum in another order, so a step's gradients differ by some 1e-7 of their norm. Adam divides each element by its
// own size, so that an element whose gradient is mostly rounding moves by as much as any other: over 50 steps the
// parameters part by some 1e-6. The limit is ten times that, and still a thousandth of what a wrong term would give.
TEST_P(KernelsAgainstDefinition, AgreeOverFiftySteps) {
  const Sizes sizes = GetParam();
  SaeConfig config = SmallConfig();
  config.d_in = sizes.d_in;
  config.latents = sizes.latents;
  config.k = sizes.k;
  config.auxiliary_alpha = sizes.alpha;
  config.dead_after_tokens = 2 * sizes.rows;
  config.learning_rate = {3e-3, 10, 60, LearningRateSchedule::Decay::kLinear};
  const SaeTensors initial = Initial(config);
  const auto kernels = MakeSae(config, initial, Implementation::kFastest);
  const auto definition = MakeSae(config, initial, Implementation::kDefinition);
  double auxiliary = 0;
  for (int t = 0; t < 50; ++t) {
    const at::Tensor batch = MakeBatch(sizes.rows, config.d_in, t);
    const auto a = kernels->Step(batch);
    const auto b = definition->Step(batch);
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    EXPECT_NEAR(a->fvu, b->fvu, 1e-5 * b->fvu) << t;
    EXPECT_NEAR(a->mse, b->mse, 1e-5 * b->mse) << t;
    EXPECT_NEAR(a->auxiliary_loss, b->auxiliary_loss, 1e-5 * b->auxiliary_loss) << t;
    EXPECT_EQ(a->l0, b->l0) << t;
    EXPECT_EQ(a->dead_fraction, b->dead_fraction) << t;
    auxiliary += b->auxiliary_loss;
  }
  EXPECT_EQ(auxiliary > 0, sizes.alpha > 0);
  ExpectClose(kernels->ExportDictionary(), definition->ExportDictionary(), 1e-5, "after 50 steps");
}

INSTANTIATE_TEST_SUITE_P(Sizes, KernelsAgainstDefinition,
                         testing::Values(Sizes{20, 50, 5, 64, 0}, Sizes{20, 150, 3, 40, 0.1},
                                         Sizes{48, 200, 4, 33, 1.0 / 32}, Sizes{16, 16, 16, 32, 0},
                                         Sizes{96, 40, 1, 700, 0}, Sizes{40, 2048, 16, 64, 0},
                                         Sizes{40, 2100, 16, 64, 0.1}));

// The kernels do not depend on the number of threads (kernels_test); the encoder's product may, by rounding.
TEST(TopkThreads, TwoThreadsTrainWhatOneDoes) {
  const int before = at::get_num_threads();
  const absl::Cleanup restore = [before] { at::set_num_threads(before); };
  const SaeConfig config = SmallConfig();
  const auto train = [&](int threads) {
    at::set_num_threads(threads);
    const auto sae = MakeSae(config, Initial(config), Implementation::kFastest);
    for (int t = 0; t < 20; ++t) EXPECT_TRUE(sae->Step(MakeBatch(128, config.d_in, t)).ok());
    return sae->ExportDictionary();
  };
  ExpectClose(train(2), train(1), 1e-5, "two threads against one");
}

}  // namespace
}  // namespace seedbed
