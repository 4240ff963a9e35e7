#include "sae/lm/model_inspection.h"

#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "common/file.h"
#include "tests/sae/io/test_files.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string FingerprintOf(const TinyModel& model) { return InspectModel(model.Write()).value().fingerprint; }

TEST(InspectModel, NamesWhatIsWrong) {
  EXPECT_EQ(InspectModel("/nowhere/model").status().code(), absl::StatusCode::kNotFound);
  TinyModel model;
  model.weights.erase("model.layers.2.mlp.up_proj.weight");
  const auto facts = InspectModel(model.Write());
  EXPECT_EQ(facts.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(facts.status().message(), HasSubstr("model.layers.2.mlp.up_proj.weight"));
}

TEST(InspectModel, DoesNotReadValues) {
  TinyModel model;
  model.weights.at("model.norm.weight")[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(InspectModel(model.Write()).ok());
}

TEST(InspectModel, SaysWhatTheModelIs) {
  const ModelFacts neox = InspectModel(TinyModelFolder("gpt_neox")).value();
  EXPECT_EQ(neox.model_type, "gpt_neox");
  EXPECT_EQ(neox.d_model, 32);
  EXPECT_EQ(neox.layers, 2);
  EXPECT_EQ(neox.vocabulary_size, 32);
  EXPECT_EQ(neox.context_length, 64);
  EXPECT_TRUE(neox.parallel_residual);
  EXPECT_FALSE(InspectModel(TinyModelFolder("gpt_neox_sequential"))->parallel_residual);
  EXPECT_EQ(InspectModel(TinyModelFolder("gpt2"))->context_length, 16);
}

TEST(InspectModel, CountsATiedHeadOnceAndAnotherBesides) {
  for (const std::string name : {"llama", "llama_linear"}) {
    TinyModel model(name);
    int64_t elements = 0;
    for (const auto& [tensor, values] : model.weights) elements += values.numel();
    EXPECT_EQ(InspectModel(model.Write())->parameters, elements) << name;
  }
  TinyModel tied;
  const int64_t parameters = InspectModel(tied.Write())->parameters;
  tied.weights["lm_head.weight"] = tied.weights.at("model.embed_tokens.weight");
  EXPECT_EQ(InspectModel(tied.Write())->parameters, parameters);
}

TEST(InspectModel, KeepsNoLimitWhereTheConfigSetsNone) {
  TinyModel model;
  model.config.erase("max_position_embeddings");
  EXPECT_EQ(InspectModel(model.Write())->context_length, 0);
}

TEST(Fingerprint, IsTheSameForTheSameFiles) {
  const std::string fingerprint = FingerprintOf(TinyModel());
  EXPECT_THAT(fingerprint, MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(FingerprintOf(TinyModel()), fingerprint);
}

TEST(Fingerprint, ChangesWithTheConfigTheValuesTheHeaderAndTheName) {
  const std::string fingerprint = FingerprintOf(TinyModel());
  TinyModel config;
  config.config["rms_norm_eps"] = 2e-5;
  EXPECT_NE(FingerprintOf(config), fingerprint);

  for (const int64_t element : {0, 7, 15}) {
    TinyModel trained;
    trained.weights.at("model.norm.weight")[element] += 1e-3;
    EXPECT_NE(FingerprintOf(trained), fingerprint) << element;
  }

  TinyModel narrower;
  narrower.weights.at("model.norm.weight") = narrower.weights.at("model.norm.weight").to(at::kHalf);
  EXPECT_NE(FingerprintOf(narrower), fingerprint);

  TinyModel renamed;
  renamed.WriteConfig();
  WriteTensors(renamed.folder.Path("renamed.safetensors"), renamed.weights);
  nlohmann::json weight_map;
  for (const auto& [name, tensor] : renamed.weights) weight_map[name] = "renamed.safetensors";
  WriteTestFile(renamed.folder.Path("model.safetensors.index.json"), nlohmann::json{{"weight_map", weight_map}}.dump());
  EXPECT_NE(InspectModel(renamed.folder.path())->fingerprint, fingerprint);
}

TEST(ResolveHookpoints, KnowsWhatTheModelHas) {
  const ModelFacts facts = InspectModel(TinyModelFolder("gpt_neox")).value();
  EXPECT_EQ(ResolveHookpoints(facts, {"gpt_neox.layers.*.mlp"})->size(), 2u);
  EXPECT_THAT(ResolveHookpoints(facts, {"layers.2"}).status().message(), HasSubstr("for N from 0 to 1"));
  EXPECT_THAT(ResolveHookpoints(facts, {"layers.0.resid_mid"}).status().message(), HasSubstr("together"));
}

}  // namespace
}  // namespace seedbed
