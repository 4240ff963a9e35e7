// Every family and variant against transformers' values, which tests/data/make_tiny_models.py wrote.
#include <ATen/TensorOperators.h>
#include <ATen/ops/linspace.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/file.h"
#include "sae/lm/language_model.h"
#include "sae/lm/model_inspection.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

class ParityTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::vector<Hookpoint> EveryHookpoint() const {
    const ModelFacts facts = InspectModel(folder_).value();
    return HookpointInventory{facts.layers, facts.parallel_residual}.All();
  }

  const std::string folder_ = TinyModelFolder(GetParam());
  const std::map<std::string, at::Tensor> expected_ = ReadTensors(JoinPath(folder_, "expected.safetensors"));
  const at::Tensor tokens_ = expected_.at("tokens");
};

TEST_P(ParityTest, EqualsTransformersAtEveryHookpoint) {
  const std::vector<Hookpoint> hookpoints = EveryHookpoint();
  // All but the tokens, the logits and the cross-entropy.
  ASSERT_EQ(hookpoints.size(), expected_.size() - 3);
  const auto model = LoadLanguageModel({folder_, hookpoints});
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<at::Tensor> found = (*model)->Forward(tokens_);
  ASSERT_EQ(found.size(), hookpoints.size());
  for (size_t i = 0; i < hookpoints.size(); ++i) {
    const std::string name = hookpoints[i].ToString();
    ASSERT_EQ(found[i].sizes(), expected_.at(name).sizes());
    EXPECT_LE(RelativeError(found[i], expected_.at(name)), 1e-5) << name;
  }
}

TEST_P(ParityTest, EqualsTransformersInLogitsAndCrossEntropy) {
  const auto model = LoadLanguageModel({folder_, {}, "cpu", at::kFloat, /*with_head=*/true});
  ASSERT_TRUE(model.ok()) << model.status();
  const at::Tensor logits = (*model)->Logits(tokens_);
  ASSERT_EQ(logits.sizes(), expected_.at("logits").sizes());
  EXPECT_LE(RelativeError(logits, expected_.at("logits")), 1e-5);
  const at::Tensor losses = (*model)->CrossEntropy(tokens_);
  ASSERT_EQ(losses.sizes(), expected_.at("cross_entropy").sizes());
  EXPECT_LE((losses - expected_.at("cross_entropy")).abs().max().item<double>(), 1e-4);
}

TEST_P(ParityTest, EqualsTransformersWithActivationsReplaced) {
  const std::map<std::string, at::Tensor> expected = ReadTensors(JoinPath(folder_, "replaced.safetensors"));
  const std::vector<Hookpoint> hookpoints = EveryHookpoint();
  ASSERT_EQ(hookpoints.size(), expected.size());
  const auto model = LoadLanguageModel({folder_, hookpoints, "cpu", at::kFloat, /*with_head=*/true});
  ASSERT_TRUE(model.ok()) << model.status();
  for (const Hookpoint& hookpoint : hookpoints) {
    const std::string name = hookpoint.ToString();
    // As lm_reference.replaced.
    const auto paused = (*model)->PauseAt(tokens_, {hookpoint});
    const at::Tensor& rows = paused->activations().front();
    const at::Tensor found = paused->CrossEntropyWith(rows * 0.5 + at::linspace(-0.5, 0.5, rows.size(1)));
    ASSERT_EQ(found.sizes(), expected.at(name).sizes());
    EXPECT_LE((found - expected.at(name)).abs().max().item<double>(), 1e-4) << name;
    EXPECT_GE((found - expected_.at("cross_entropy")).abs().max().item<double>(), 1e-3) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(TinyModels, ParityTest, ::testing::ValuesIn(kTinyModels),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace seedbed
