// The Llama family against transformers' activations, through LoadLanguageModel.
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "common/file.h"
#include "nlohmann/json.hpp"
#include "sae/lm/language_model.h"
#include "tests/sae/io/test_files.h"
#include "tests/sae/lm/model_folder.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

std::vector<Hookpoint> EveryHookpoint() {
  std::vector<Hookpoint> hookpoints;
  for (int layer = 0; layer < 3; ++layer) {
    for (const HookSite site : {HookSite::kResidual, HookSite::kMlp, HookSite::kAttention}) {
      hookpoints.push_back({layer, site});
    }
  }
  return hookpoints;
}

std::vector<at::Tensor> Forward(const std::string& folder, const std::vector<Hookpoint>& hookpoints,
                                const at::Tensor& tokens) {
  return LoadLanguageModel({folder, hookpoints}).value()->Forward(tokens);
}

double RelativeError(const at::Tensor& found, const at::Tensor& expected) {
  return ((found - expected).norm() / expected.norm()).item<double>();
}

class LlamaTest : public ::testing::Test {
 protected:
  void ExpectRefused(absl::StatusCode code, const std::vector<std::string>& parts,
                     const std::vector<Hookpoint>& hookpoints = {{2, HookSite::kResidual}}) {
    const auto loaded = LoadLanguageModel({model_.folder.path(), hookpoints});
    ASSERT_EQ(loaded.status().code(), code) << loaded.status();
    for (const std::string& part : parts) EXPECT_THAT(loaded.status().message(), HasSubstr(part));
  }

  ModelFolder model_;
  const std::map<std::string, at::Tensor> expected_ = ReadTensors(JoinPath(kTinyLlama, "expected.safetensors"));
  const at::Tensor tokens_ = expected_.at("tokens");
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

TEST_F(LlamaTest, NamesAMissingFolderOrFile) {
  const auto loaded = LoadLanguageModel({"/nowhere/model", {{0, HookSite::kMlp}}});
  EXPECT_EQ(loaded.status().code(), kNotFound);
  EXPECT_THAT(loaded.status().message(), HasSubstr("model folder /nowhere/model: does not exist"));
  ExpectRefused(kNotFound, {"config.json"});
  model_.WriteConfig();
  ExpectRefused(kNotFound, {model_.folder.path(), "model.safetensors"});
}

TEST_F(LlamaTest, NamesAWrongConfig) {
  model_.Write();
  WriteTestFile(model_.folder.Path("config.json"), "[]");
  ExpectRefused(kInvalid, {"config.json", "object is needed"});
  model_.config["model_type"] = "gpt_neox";
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"config.json", "\"model_type\"", "gpt_neox", "supported are: llama"});
  model_.config.erase("model_type");
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"\"model_type\"", "missing"});
  model_.config["model_type"] = "llama";
  model_.config.erase("hidden_size");
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"config.json", "\"hidden_size\"", "missing"});
}

TEST_F(LlamaTest, NamesAMissingTensor) {
  for (const std::string name : {"model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight",
                                 "model.layers.2.input_layernorm.weight", "model.layers.0.mlp.down_proj.weight"}) {
    ModelFolder model;
    ASSERT_EQ(model.weights.erase(name), 1u) << name;
    const auto loaded = LoadLanguageModel({model.Write(), {{2, HookSite::kResidual}}});
    ASSERT_EQ(loaded.status().code(), kNotFound);
    EXPECT_THAT(loaded.status().message(), HasSubstr(name));
  }
}

TEST_F(LlamaTest, NamesATensorThatContradictsTheConfig) {
  model_.config["intermediate_size"] = 25;
  model_.Write();
  ExpectRefused(kInvalid, {"model.safetensors", "model.layers.0.mlp.gate_proj.weight", "[24, 16]", "[25, 16]"});
  model_.config["intermediate_size"] = 24;
  model_.config["num_key_value_heads"] = 4;
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"model.layers.0.self_attn.k_proj.weight", "[8, 16]", "[16, 16]"});
  model_.config["num_key_value_heads"] = 2;
  model_.config["vocab_size"] = 33;
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"model.embed_tokens.weight", "[32, 16]", "[33, 16]"});
}

TEST_F(LlamaTest, NamesATensorThatIsNotFinite) {
  model_.weights.at("model.layers.1.mlp.up_proj.weight")[3][5] = std::numeric_limits<float>::quiet_NaN();
  model_.Write();
  ExpectRefused(kInvalid, {"model.safetensors", "model.layers.1.mlp.up_proj.weight", "NaN or infinite"});
  // Only what the hookpoints need is loaded.
  EXPECT_TRUE(LoadLanguageModel({model_.folder.path(), {{0, HookSite::kResidual}}}).ok());
}

TEST_F(LlamaTest, RefusesATruncatedFile) {
  const std::string whole = *ReadFile(JoinPath(kTinyLlama, "model.safetensors"));
  model_.WriteConfig();
  WriteTestFile(model_.folder.Path("model.safetensors"), whole.substr(0, whole.size() / 2));
  ExpectRefused(kInvalid, {"model.safetensors", "cut off"});
}

TEST_F(LlamaTest, ListsTheHookpointsThatTheModelHas) {
  model_.Write();
  ExpectRefused(kInvalid, {"\"layers.3.mlp\"", "for N from 0 to 2"}, {{0, HookSite::kMlp}, {3, HookSite::kMlp}});
  ExpectRefused(kInvalid, {"no hookpoint"}, {});
}

TEST_F(LlamaTest, RefusesADeviceThatIsNotThere) {
  for (const std::string device : {"gpu", "cuda", "cuda:x", "cuda:4096", ""}) {
    const auto loaded = LoadLanguageModel({kTinyLlama, {{0, HookSite::kMlp}}, device});
    ASSERT_EQ(loaded.status().code(), kInvalid) << device;
    EXPECT_THAT(loaded.status().message(), HasSubstr("device \"" + device + "\""));
  }
}

TEST_F(LlamaTest, EqualsTransformersAtEveryHookpoint) {
  const std::vector<Hookpoint> hookpoints = EveryHookpoint();
  const auto model = LoadLanguageModel({kTinyLlama, hookpoints});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->d_model(), 16);
  EXPECT_EQ((*model)->layers(), 3);
  EXPECT_EQ((*model)->vocabulary_size(), 32);
  const std::vector<at::Tensor> found = (*model)->Forward(tokens_);
  ASSERT_EQ(found.size(), hookpoints.size());
  for (size_t i = 0; i < hookpoints.size(); ++i) {
    const at::Tensor expected = expected_.at(hookpoints[i].ToString());
    ASSERT_EQ(found[i].sizes(), expected.sizes());
    EXPECT_EQ(found[i].scalar_type(), at::kFloat);
    EXPECT_TRUE(found[i].is_contiguous());
    EXPECT_LT(RelativeError(found[i], expected), 1e-5) << hookpoints[i].ToString();
  }
}

TEST_F(LlamaTest, AHookpointsBytesDoNotDependOnTheOthers) {
  const std::vector<Hookpoint> every = EveryHookpoint();
  const std::vector<at::Tensor> together = Forward(kTinyLlama, every, tokens_);
  for (size_t i = 0; i < every.size(); ++i) {
    EXPECT_TRUE(at::equal(Forward(kTinyLlama, {every[i]}, tokens_)[0], together[i])) << every[i].ToString();
  }
}

TEST_F(LlamaTest, GivesHookpointsInTheOrderAskedAndTwiceWhenAskedTwice) {
  const std::vector<at::Tensor> found =
      Forward(kTinyLlama, {{2, HookSite::kResidual}, {0, HookSite::kMlp}, {2, HookSite::kResidual}}, tokens_);
  EXPECT_LT(RelativeError(found[0], expected_.at("layers.2")), 1e-5);
  EXPECT_LT(RelativeError(found[1], expected_.at("layers.0.mlp")), 1e-5);
  EXPECT_TRUE(at::equal(found[0], found[2]));
}

TEST_F(LlamaTest, CallsDoNotDisturbOneAnother) {
  const auto model = LoadLanguageModel({kTinyLlama, {{2, HookSite::kResidual}}}).value();
  const at::Tensor first = model->Forward(tokens_)[0];
  const at::Tensor kept = first.clone();
  const at::Tensor other_shape = at::randint(32, {3, 5}, at::kLong);
  EXPECT_EQ(model->Forward(other_shape)[0].size(0), 15);
  EXPECT_TRUE(at::equal(first, kept));
  EXPECT_TRUE(at::equal(model->Forward(tokens_)[0], kept));
}

TEST_F(LlamaTest, ASequenceDoesNotSeeOthersNorItsOwnFuture) {
  at::Tensor changed = tokens_.clone();
  changed[1].copy_((changed[1] + 1).remainder(32));
  changed[0][10] = (changed[0][10].item<int64_t>() + 1) % 32;
  const at::Tensor before = Forward(kTinyLlama, {{2, HookSite::kResidual}}, tokens_)[0];
  const at::Tensor after = Forward(kTinyLlama, {{2, HookSite::kResidual}}, changed)[0];
  EXPECT_TRUE(at::equal(before.narrow(0, 0, 10), after.narrow(0, 0, 10)));
  EXPECT_FALSE(at::equal(before[10], after[10]));
}

TEST_F(LlamaTest, OlderRopeFieldsMeanTheSame) {
  model_.config.erase("rope_parameters");
  model_.config["rope_theta"] = 500.0;
  model_.config["rope_scaling"] = nullptr;
  const at::Tensor found = Forward(model_.Write(), {{2, HookSite::kResidual}}, tokens_)[0];
  EXPECT_LT(RelativeError(found, expected_.at("layers.2")), 1e-5);
}

TEST_F(LlamaTest, ShardsGiveTheSameBytesAsOneFile) {
  model_.WriteConfig();
  std::map<std::string, at::Tensor> shards[2];
  nlohmann::json weight_map;
  for (const auto& [name, tensor] : model_.weights) {
    const int shard = static_cast<int>(weight_map.size() % 2);
    shards[shard].emplace(name, tensor);
    weight_map[name] = shard == 0 ? "first.safetensors" : "second.safetensors";
  }
  WriteTensors(model_.folder.Path("first.safetensors"), shards[0]);
  WriteTensors(model_.folder.Path("second.safetensors"), shards[1]);
  WriteTestFile(model_.folder.Path("model.safetensors.index.json"), nlohmann::json{{"weight_map", weight_map}}.dump());
  const std::vector<Hookpoint> hookpoints = {{2, HookSite::kResidual}};
  EXPECT_TRUE(
      at::equal(Forward(model_.folder.path(), hookpoints, tokens_)[0], Forward(kTinyLlama, hookpoints, tokens_)[0]));
}

TEST_F(LlamaTest, HalfWidthsGiveTheSameBytesAsTheirValuesInFloat32) {
  const std::vector<Hookpoint> hookpoints = {{2, HookSite::kResidual}};
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    ModelFolder narrow;
    ModelFolder wide;
    for (auto& [name, tensor] : narrow.weights) {
      tensor = tensor.to(type);
      wide.weights[name] = tensor.to(at::kFloat);
    }
    const at::Tensor found = Forward(narrow.Write(), hookpoints, tokens_)[0];
    EXPECT_TRUE(at::equal(found, Forward(wide.Write(), hookpoints, tokens_)[0]));
    EXPECT_LT(RelativeError(found, expected_.at("layers.2")), type == at::kHalf ? 5e-3 : 5e-2);
  }
}

}  // namespace
}  // namespace seedbed
