#include "sae/arch/registry.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/arch/initialization.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void ExpectRefused(const std::function<void(SaeConfig*)>& spoil, const std::string& field, const std::string& found) {
  SaeConfig config = SmallConfig();
  spoil(&config);
  const auto sae = MakeTrainableSae(config, "cpu");
  EXPECT_EQ(sae.status().code(), absl::StatusCode::kInvalidArgument) << field;
  EXPECT_THAT(sae.status().message(), AllOf(HasSubstr(field), HasSubstr(found)));
}

TEST(MakeTrainableSae, NamesTheFieldThatCannotBe) {
  ExpectRefused([](SaeConfig* c) { c->architecture = "topc"; }, "architecture", "\"topk\"");
  ExpectRefused([](SaeConfig* c) { c->d_in = 0; }, "d_in", "0");
  ExpectRefused([](SaeConfig* c) { c->latents = -3; }, "latents", "-3");
  ExpectRefused([](SaeConfig* c) { c->k = 0; }, "k", "0");
  ExpectRefused([](SaeConfig* c) { c->k = 51; }, "k is 51", "1 to 50");
  ExpectRefused([](SaeConfig* c) { c->learning_rate.peak = 0; }, "learning_rate", "0");
  ExpectRefused([](SaeConfig* c) { c->learning_rate.peak = std::nan(""); }, "learning_rate", "nan");
  ExpectRefused([](SaeConfig* c) { c->learning_rate.warmup_steps = -1; }, "warmup_steps", "-1");
  ExpectRefused([](SaeConfig* c) { c->auxiliary_alpha = -0.5; }, "auxiliary_alpha", "-0.5");
  ExpectRefused([](SaeConfig* c) { c->dead_after_tokens = 0; }, "dead_after_tokens", "0");
  ExpectRefused([](SaeConfig* c) { c->d_in = 1, c->auxiliary_alpha = 0.1; }, "d_in", "1");
}

TEST(MakeTrainableSae, NamesADeviceThatIsNotThere) {
  for (const char* device : {"tpu", "", "cpu:x", "meta", "cuda", "cuda:100", "cuda:256"}) {
    const auto sae = MakeTrainableSae(SmallConfig(), device);
    EXPECT_EQ(sae.status().code(), absl::StatusCode::kInvalidArgument) << device;
    EXPECT_THAT(sae.status().message(), AllOf(HasSubstr("device"), HasSubstr(device)));
  }
}

TEST(MakeTrainableSae, EveryArchitectureTrainsInEveryConvention) {
  for (const Architecture& architecture : Architectures()) {
    for (const Convention convention : architecture.conventions) {
      const SaeConfig config = SmallConfig(architecture.name, convention);
      auto sae = MakeTrainableSae(config, "cpu");
      ASSERT_TRUE(sae.ok()) << sae.status();
      const absl::StatusOr<StepMetrics> metrics = (*sae)->Step(MakeBatch(64, config.d_in, 1));
      EXPECT_TRUE(metrics.ok()) << architecture.name << ", " << NameOf(convention) << ": " << metrics.status();
      EXPECT_EQ((*sae)->ExportDictionary().architecture, architecture.name);
    }
  }
}

TEST(MakeTrainableSae, NamesTheConventionsThatAnArchitectureHas) {
  ExpectRefused([](SaeConfig* c) { *c = SmallConfig("gated", Convention::kSparsify); }, "convention is sparsify",
                "gated are dictionary_learning, saelens");
  ExpectRefused([](SaeConfig* c) { *c = SmallConfig("topk", Convention::kSaeLens), c->multi_topk = true; },
                "multi_topk", "saelens");
  ExpectRefused(
      [](SaeConfig* c) {
        *c = SmallConfig("matryoshka", Convention::kSaeLens), c->group_sizes = {10, 10};
      },
      "group_sizes is [10, 10]", "sum 50");
  ExpectRefused([](SaeConfig* c) { *c = SmallConfig("jumprelu", Convention::kSaeLens), c->bandwidth = 0; },
                "bandwidth is 0", "above 0");
  ExpectRefused([](SaeConfig* c) { c->compute = ComputeType::kBfloat16; }, "compute is bfloat16", "float32");
  ExpectRefused([](SaeConfig* c) { c->d_out = 7; }, "d_out is 7", "20");
}

TEST(MakeTrainableSae, ADictionaryThatDoesNotFitIsNamed) {
  const SaeConfig config = SmallConfig();
  Dictionary other = (*MakeTrainableSae(config, "cpu"))->ExportDictionary();
  other.encoder_bias = other.encoder_bias.narrow(0, 0, 49);
  const auto sae = MakeTrainableSae(config, "cpu", &other);
  EXPECT_EQ(sae.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(sae.status().message(), HasSubstr("shape of encoder_bias is [49], needed is [50]"));
}

TEST(MakeTrainableSae, ContinuesADictionaryWithItsDecoderBias) {
  SaeConfig config = SmallConfig();
  const auto first = MakeTrainableSae(config, "cpu");
  for (int t = 0; t < 10; ++t) ASSERT_TRUE((*first)->Step(MakeBatch(64, config.d_in, t)).ok());
  const Dictionary learnt = (*first)->ExportDictionary();
  config.learning_rate = {1e-9, 0, 100, LearningRateSchedule::Decay::kConstant};
  const auto second = MakeTrainableSae(config, "cpu", &learnt);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE((*second)->Step(MakeBatch(64, config.d_in, 50)).ok());
  ExpectClose((*second)->ExportDictionary(), learnt, 1e-6, "after a step of no size");
}

TEST(Initialization, IsUniformWithinTheBoundOfTorchsLinear) {
  SaeConfig config = SmallConfig();
  config.d_in = 100;
  config.latents = 1000;
  const SaeTensors initial = *InitialParameters(config);
  const double bound = 0.1;
  EXPECT_LE(initial.encoder_weight.abs().max().item<double>(), bound);
  EXPECT_NEAR(initial.encoder_weight.mean().item<double>(), 0, 1e-3);
  EXPECT_NEAR(initial.encoder_weight.std().item<double>(), bound / std::sqrt(3.0), 1e-3);
  EXPECT_EQ(initial.encoder_bias.abs().max().item<double>(), 0);
  EXPECT_EQ(initial.decoder_bias.abs().max().item<double>(), 0);
  const at::Tensor norms = initial.encoder_weight.norm(2, {1}, /*keepdim=*/true);
  EXPECT_LE(RelativeDifference(initial.decoder_weight, initial.encoder_weight / norms), 1e-6);
}

// What a seed gives must never change: results are named by it.
TEST(Initialization, ASeedsWeightsAreTheseBytes) {
  const SaeTensors initial = *InitialParameters(SmallConfig());
  const at::Tensor& weight = initial.encoder_weight;
  const absl::string_view bytes(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes());
  EXPECT_EQ(Sha256Hex(bytes), "f8610842618cb349ea776712d71611800402ac24e927f4523c5ffbbab150c83d");
}

}  // namespace
}  // namespace seedbed
