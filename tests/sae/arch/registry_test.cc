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

TEST(MakeTrainableSae, EveryArchitectureTrains) {
  for (const Architecture& architecture : Architectures()) {
    SaeConfig config = SmallConfig();
    config.architecture = architecture.name;
    auto sae = MakeTrainableSae(config, "cpu");
    ASSERT_TRUE(sae.ok()) << sae.status();
    EXPECT_TRUE((*sae)->Step(MakeBatch(64, config.d_in, 1)).ok());
    EXPECT_EQ((*sae)->ExportDictionary().architecture, architecture.name);
    EXPECT_TRUE(architecture.make_on_device(config, at::kCPU)->Step(MakeBatch(64, config.d_in, 1)).ok());
  }
}

TEST(Initialization, IsUniformWithinTheBoundOfTorchsLinear) {
  SaeConfig config = SmallConfig();
  config.d_in = 100;
  config.latents = 1000;
  const Dictionary initial = InitialTopkDictionary(config);
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
  const Dictionary initial = InitialTopkDictionary(SmallConfig());
  const at::Tensor& weight = initial.encoder_weight;
  const absl::string_view bytes(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes());
  EXPECT_EQ(Sha256Hex(bytes), "f8610842618cb349ea776712d71611800402ac24e927f4523c5ffbbab150c83d");
}

}  // namespace
}  // namespace seedbed
