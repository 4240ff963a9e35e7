// The same initial weights and batches as 20 steps of sparsify's SparseCoder (tests/data/make_sparsify_steps.py).
#include <cstring>
#include <memory>
#include <string>

#include "ATen/ops/empty.h"
#include "gtest/gtest.h"
#include "sae/io/safetensors.h"
#include "tests/sae/arch/sae_fixtures.h"

namespace seedbed {
namespace {

constexpr double kTolerance = 1e-4;

at::Tensor Read(const SafetensorsFile& file, const std::string& name) {
  const auto view = file.Find(name);
  EXPECT_TRUE(view.ok()) << view.status();
  at::ScalarType type = at::kFloat;
  if (view->type == TensorType::kF64) type = at::kDouble;
  if (view->type == TensorType::kI64) type = at::kLong;
  at::Tensor tensor = at::empty(view->shape, type);
  std::memcpy(tensor.mutable_data_ptr(), view->bytes.data(), view->bytes.size());
  return tensor;
}

class SparsifyParity : public testing::TestWithParam<bool> {};  // Kernels?

TEST_P(SparsifyParity, LossesAndParametersAfterEveryStep) {
  auto opened = SafetensorsFile::Open(SEEDBED_TEST_DATA "/sparsify_steps.safetensors");
  ASSERT_TRUE(opened.ok()) << opened.status();
  const SafetensorsFile& file = *opened;
  const at::Tensor batches = Read(file, "batches");
  SaeTensors initial;
  initial.encoder_weight = Read(file, "initial.encoder.weight");
  initial.encoder_bias = Read(file, "initial.encoder.bias");
  initial.decoder_weight = Read(file, "initial.W_dec");
  initial.decoder_bias = Read(file, "initial.b_dec");
  SaeConfig config;
  config.d_in = initial.encoder_weight.size(1);
  config.latents = initial.encoder_weight.size(0);
  config.k = 4;
  config.learning_rate = {0.01, 5, batches.size(0), LearningRateSchedule::Decay::kLinear};
  config.auxiliary_alpha = 1.0 / 32;
  config.dead_after_tokens = 64;
  const auto sae = MakeSae(config, initial, GetParam() ? Implementation::kFastest : Implementation::kDefinition);

  const at::Tensor fvu = Read(file, "after.fvu"), auxiliary = Read(file, "after.auxiliary");
  const at::Tensor dead = Read(file, "after.dead");
  const at::Tensor encoder_weight = Read(file, "after.encoder.weight"), encoder_bias = Read(file, "after.encoder.bias");
  const at::Tensor decoder_weight = Read(file, "after.W_dec"), decoder_bias = Read(file, "after.b_dec");
  for (int64_t t = 0; t < batches.size(0); ++t) {
    const auto metrics = sae->Step(batches[t].contiguous());
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    const std::string step = "step " + std::to_string(t);
    EXPECT_NEAR(metrics->fvu, fvu[t].item<double>(), kTolerance * metrics->fvu) << step;
    EXPECT_NEAR(metrics->auxiliary_loss, auxiliary[t].item<double>(), kTolerance * metrics->auxiliary_loss) << step;
    EXPECT_DOUBLE_EQ(metrics->dead_fraction * static_cast<double>(config.latents), dead[t].item<double>()) << step;
    SaeTensors expected;
    expected.encoder_weight = encoder_weight[t];
    expected.encoder_bias = encoder_bias[t];
    expected.decoder_weight = decoder_weight[t];
    expected.decoder_bias = decoder_bias[t];
    const Dictionary actual = sae->ExportDictionary();
    if (t == 0) {  // The learning rate was 0: there is no bias to be relative to.
      EXPECT_TRUE(at::equal(actual.encoder_bias, expected.encoder_bias));
      continue;
    }
    ExpectClose(actual, expected, kTolerance, step);
  }
}

INSTANTIATE_TEST_SUITE_P(Implementations, SparsifyParity, testing::Bool(),
                         [](const auto& info) { return info.param ? "Kernels" : "Definition"; });

}  // namespace
}  // namespace seedbed
