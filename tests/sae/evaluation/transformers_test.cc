// Against transformers with the same reconstructions spliced in: transformers_fixture.safetensors, written by
// make_transformers_fixture.py.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/file.h"
#include "gtest/gtest.h"
#include "sae/evaluation/spliced_loss.h"
#include "tests/sae/evaluation/dictionary_autoencoder.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

struct Case {
  const char* model;
  SpliceSite site;
};

const Case kCases[] = {
    {"llama", {{1, HookSite::kResidual}, {1, HookSite::kResidual}}},
    {"gpt_neox", {{0, HookSite::kMlpInput}, {0, HookSite::kMlp}}},
    {"gemma2", {{2, HookSite::kAttention}, {2, HookSite::kAttention}}},
    {"gpt2", {{0, HookSite::kEmbeddings}, {0, HookSite::kEmbeddings}}},
};

constexpr int64_t kKept = 4;  // K of the script.

class TransformersTest : public ::testing::TestWithParam<Case> {};

TEST_P(TransformersTest, SameLosses) {
  const std::string name = GetParam().model;
  const SpliceSite& site = GetParam().site;
  const auto tensors = ReadTensors(SEEDBED_SOURCE_DIR "/tests/sae/evaluation/transformers_fixture.safetensors");
  const std::string folder = TinyModelFolder(name);
  const std::vector<MicroBatch> tokens = {
      {ReadTensors(JoinPath(folder, "expected.safetensors")).at("tokens"), tensors.at(name + ".kept_rows")}};
  const auto model =
      LoadLanguageModel({folder, {site.input, site.output}, "cpu", at::kFloat, /*with_head=*/true}).value();
  DictionaryAutoencoder autoencoder(DictionaryOf(tensors, name, kKept), site.is_transcoder());

  auto spliced = SplicedLoss::Create(model.get(), site, &tokens);
  ASSERT_TRUE(spliced.ok()) << spliced.status();
  const auto evaluations = spliced->Evaluate({&autoencoder}, {});
  ASSERT_TRUE(evaluations.ok()) << evaluations.status();
  const absl::StatusOr<SplicedEvaluation>& found = evaluations->front();
  ASSERT_TRUE(found.ok()) << found.status();

  // Clean, zero-ablated, mean-ablated, spliced.
  const float* losses = tensors.at(name + ".losses").const_data_ptr<float>();
  EXPECT_NEAR(found->baselines.clean, losses[0], 1e-5);
  EXPECT_NEAR(found->baselines.zero_ablated, losses[1], 1e-5);
  EXPECT_NEAR(found->baselines.mean_ablated, losses[2], 1e-5);
  EXPECT_NEAR(found->loss, losses[3], 1e-5);
  EXPECT_NEAR(found->reconstruction.fvu, tensors.at(name + ".fvu").item<float>(), 1e-4);
  EXPECT_EQ(found->reconstruction.rows, tokens[0].kept_rows.numel());
  const auto expect_recovered = [&losses](std::optional<double> recovered, float ablated) {
    ASSERT_EQ(recovered.has_value(), ablated > losses[0]);
    if (!recovered.has_value()) return;
    EXPECT_NEAR(*recovered * (ablated - losses[0]), ablated - losses[3], 1e-4);
  };
  expect_recovered(found->recovered_from_zero, losses[1]);
  expect_recovered(found->recovered_from_mean, losses[2]);
}

INSTANTIATE_TEST_SUITE_P(TinyModels, TransformersTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.model); });

}  // namespace
}  // namespace seedbed
