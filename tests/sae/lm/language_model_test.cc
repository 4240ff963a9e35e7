// What holds for every language model, shown on tiny ones; parity_test.cc compares values with transformers'.
#include "sae/lm/language_model.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/file.h"
#include "nlohmann/json.hpp"
#include "sae/lm/device.h"
#include "sae/lm/model_inspection.h"
#include "tests/sae/io/test_files.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

const std::string kLlama = TinyModelFolder("llama");
const std::vector<Hookpoint> kDeepest = {{2, HookSite::kResidual}};

std::vector<at::Tensor> Forward(const std::string& folder, const std::vector<Hookpoint>& hookpoints,
                                const at::Tensor& tokens) {
  return LoadLanguageModel({folder, hookpoints}).value()->Forward(tokens);
}

std::vector<Hookpoint> EveryHookpoint(const std::string& folder) {
  const ModelFacts facts = InspectModel(folder).value();
  return HookpointInventory{facts.layers, facts.parallel_residual}.All();
}

class LanguageModelTest : public ::testing::Test {
 protected:
  void ExpectRefused(absl::StatusCode code, const std::vector<std::string>& parts,
                     const std::vector<Hookpoint>& hookpoints = kDeepest) {
    const auto loaded = LoadLanguageModel({model_.folder.path(), hookpoints});
    ASSERT_EQ(loaded.status().code(), code) << loaded.status();
    for (const std::string& part : parts) EXPECT_THAT(loaded.status().message(), HasSubstr(part));
  }

  TinyModel model_;
  const std::map<std::string, at::Tensor> expected_ = ReadTensors(JoinPath(kLlama, "expected.safetensors"));
  const at::Tensor tokens_ = expected_.at("tokens");
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

TEST_F(LanguageModelTest, NamesAMissingFolderOrFile) {
  const auto loaded = LoadLanguageModel({"/nowhere/model", {{0, HookSite::kMlp}}});
  EXPECT_EQ(loaded.status().code(), kNotFound);
  EXPECT_THAT(loaded.status().message(), HasSubstr("model folder /nowhere/model: does not exist"));
  ExpectRefused(kNotFound, {"config.json"});
  model_.WriteConfig();
  ExpectRefused(kNotFound, {model_.folder.path(), "model.safetensors"});
}

TEST_F(LanguageModelTest, NamesAWrongConfig) {
  model_.Write();
  WriteTestFile(model_.folder.Path("config.json"), "[]");
  ExpectRefused(kInvalid, {"config.json", "object is needed"});
  model_.config["model_type"] = "mamba";
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"config.json", "\"model_type\"", "mamba", "supported are: llama"});
  model_.config.erase("model_type");
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"\"model_type\"", "missing"});
  model_.config["model_type"] = "llama";
  model_.config.erase("hidden_size");
  model_.WriteConfig();
  ExpectRefused(kInvalid, {"config.json", "\"hidden_size\"", "missing"});
}

// Those of layers that no hookpoint needs and of the head too.
TEST_F(LanguageModelTest, NamesEveryMissingTensorOfEveryFamily) {
  for (const std::string name : kTinyModels) {
    const TinyModel whole(name);
    for (const auto& [tensor, values] : whole.weights) {
      TinyModel lacking(name);
      lacking.weights.erase(tensor);
      const auto loaded = LoadLanguageModel({lacking.Write(), {{0, HookSite::kMlp}}});
      ASSERT_EQ(loaded.status().code(), kNotFound) << name << " " << tensor;
      EXPECT_THAT(loaded.status().message(), HasSubstr("\"" + tensor + "\""));
    }
  }
}

TEST_F(LanguageModelTest, NamesATensorThatTheFamilyDoesNotHave) {
  model_.weights["model.layers.3.mlp.up_proj.weight"] = at::randn({24, 16});
  model_.Write();
  ExpectRefused(kInvalid, {"model.safetensors", "model.layers.3.mlp.up_proj.weight", "not one of a llama model"});
  model_.weights.erase("model.layers.3.mlp.up_proj.weight");
  model_.weights["model.layers.0.self_attn.q_proj.bias"] = at::randn({16});
  model_.WriteWeights();
  ExpectRefused(kInvalid, {"model.layers.0.self_attn.q_proj.bias"});
}

TEST_F(LanguageModelTest, LeavesOutWhatTransformersIgnores) {
  const std::pair<std::string, std::string> ignored[] = {
      {"llama", "model.layers.0.self_attn.rotary_emb.inv_freq"},
      {"llama", "lm_head.weight"},
      {"gpt_neox", "gpt_neox.layers.0.attention.rotary_emb.inv_freq"},
      {"gpt_neox", "gpt_neox.layers.1.attention.bias"},
      {"gpt_neox", "gpt_neox.layers.1.attention.masked_bias"},
      {"gpt2", "transformer.h.0.attn.bias"},
      {"gpt2", "transformer.h.2.attn.masked_bias"},
      {"gpt2", "lm_head.weight"}};
  for (const auto& [name, tensor] : ignored) {
    TinyModel model(name);
    model.weights[tensor] = at::randn({2, 2});
    const auto loaded = LoadLanguageModel({model.Write(), {{0, HookSite::kMlp}}});
    EXPECT_TRUE(loaded.ok()) << loaded.status();
  }
  // A head of its own is not ignored where it is not tied.
  TinyModel untied("mistral");
  untied.weights["lm_head.weight"] = at::randn({2, 2});
  EXPECT_EQ(LoadLanguageModel({untied.Write(), kDeepest}).status().code(), kInvalid);
}

TEST_F(LanguageModelTest, ReadsFilesOfTheBaseModelAlone) {
  const std::pair<std::string, std::string> prefixes[] = {{"gpt2", "transformer."}, {"llama", "model."}};
  for (const auto& [name, prefix] : prefixes) {
    const TinyModel whole(name);
    TinyModel bare(name);
    bare.weights.clear();
    for (const auto& [tensor, values] : whole.weights) bare.weights[tensor.substr(prefix.size())] = values;
    EXPECT_TRUE(
        at::equal(Forward(bare.Write(), kDeepest, tokens_)[0], Forward(TinyModelFolder(name), kDeepest, tokens_)[0]));
  }
}

TEST_F(LanguageModelTest, NamesATensorThatContradictsTheConfig) {
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

TEST_F(LanguageModelTest, NamesATensorThatIsNotFinite) {
  model_.weights.at("model.layers.1.mlp.up_proj.weight")[3][5] = std::numeric_limits<float>::quiet_NaN();
  model_.Write();
  ExpectRefused(kInvalid, {"model.safetensors", "model.layers.1.mlp.up_proj.weight", "NaN or infinite"});
  // Only what the hookpoints need is loaded.
  EXPECT_TRUE(LoadLanguageModel({model_.folder.path(), {{0, HookSite::kResidual}}}).ok());
}

TEST_F(LanguageModelTest, RefusesATruncatedFile) {
  const std::string whole = *ReadFile(JoinPath(kLlama, "model.safetensors"));
  model_.WriteConfig();
  WriteTestFile(model_.folder.Path("model.safetensors"), whole.substr(0, whole.size() / 2));
  ExpectRefused(kInvalid, {"model.safetensors", "cut off"});
}

TEST_F(LanguageModelTest, ListsTheHookpointsThatTheModelHas) {
  model_.Write();
  ExpectRefused(kInvalid, {"\"layers.3.mlp\"", "for N from 0 to 2"}, {{0, HookSite::kMlp}, {3, HookSite::kMlp}});
  ExpectRefused(kInvalid, {"no hookpoint"}, {});
}

TEST_F(LanguageModelTest, RefusesADeviceOrTypeThatItCannotUse) {
  EXPECT_EQ(LoadLanguageModel({kLlama, kDeepest, "cuda:4096"}).status().code(), kInvalid);
  EXPECT_EQ(LoadLanguageModel({kLlama, kDeepest, "cpu", at::kHalf}).status().code(), kInvalid);
}

TEST_F(LanguageModelTest, SaysWhatItIs) {
  const auto model = LoadLanguageModel({kLlama, {{0, HookSite::kMlp}}}).value();
  EXPECT_EQ(model->d_model(), 16);
  EXPECT_EQ(model->layers(), 3);
  EXPECT_EQ(model->vocabulary_size(), 32);
  EXPECT_EQ(model->context_length(), 64);
  EXPECT_EQ(model->dtype(), at::kFloat);
}

TEST_F(LanguageModelTest, AHookpointsBytesDoNotDependOnTheOthers) {
  for (const std::string name : kTinyModels) {
    const std::string folder = TinyModelFolder(name);
    const std::vector<Hookpoint> every = EveryHookpoint(folder);
    const std::vector<at::Tensor> together = Forward(folder, every, tokens_);
    for (size_t i = 0; i < every.size(); ++i) {
      const at::Tensor alone = Forward(folder, {every[i]}, tokens_)[0];
      EXPECT_TRUE(at::equal(alone, together[i])) << name << " " << every[i].ToString();
      EXPECT_TRUE(alone.is_contiguous());
    }
  }
}

// A block of the decoder holds 512 rows: several blocks here, the last of them smaller.
TEST_F(LanguageModelTest, SequencesOfAllBlocksAreInTheirPlace) {
  const at::Tensor tokens = at::randint(32, {21, 50}, at::kLong);
  for (const std::string name : {"llama", "gpt_neox", "gemma2"}) {
    const auto model = LoadLanguageModel({TinyModelFolder(name), {{1, HookSite::kResidual}}}).value();
    const at::Tensor together = model->Forward(tokens)[0].view({21, 50, -1});
    for (const int64_t sequence : {0, 9, 10, 20}) {
      const at::Tensor alone = model->Forward(tokens.narrow(0, sequence, 1))[0];
      EXPECT_LT(RelativeError(together[sequence], alone), 1e-6) << name << " " << sequence;
    }
  }
}

TEST_F(LanguageModelTest, GivesHookpointsInTheOrderAskedAndTwiceWhenAskedTwice) {
  const std::vector<at::Tensor> found =
      Forward(kLlama, {{2, HookSite::kResidual}, {0, HookSite::kMlp}, {2, HookSite::kResidual}}, tokens_);
  EXPECT_LT(RelativeError(found[0], expected_.at("layers.2")), 1e-5);
  EXPECT_LT(RelativeError(found[1], expected_.at("layers.0.mlp")), 1e-5);
  EXPECT_TRUE(at::equal(found[0], found[2]));
}

TEST_F(LanguageModelTest, CallsDoNotDisturbOneAnother) {
  const auto model = LoadLanguageModel({kLlama, {{2, HookSite::kResidual}}}).value();
  const at::Tensor first = model->Forward(tokens_)[0];
  const at::Tensor kept = first.clone();
  const at::Tensor other_shape = at::randint(32, {3, 5}, at::kLong);
  EXPECT_EQ(model->Forward(other_shape)[0].size(0), 15);
  EXPECT_TRUE(at::equal(first, kept));
  EXPECT_TRUE(at::equal(model->Forward(tokens_)[0], kept));
}

TEST_F(LanguageModelTest, ASequenceDoesNotSeeOthersNorItsOwnFuture) {
  at::Tensor changed = tokens_.clone();
  changed[1].copy_((changed[1] + 1).remainder(32));
  changed[0][10] = (changed[0][10].item<int64_t>() + 1) % 32;
  const at::Tensor before = Forward(kLlama, {{2, HookSite::kResidual}}, tokens_)[0];
  const at::Tensor after = Forward(kLlama, {{2, HookSite::kResidual}}, changed)[0];
  EXPECT_TRUE(at::equal(before.narrow(0, 0, 10), after.narrow(0, 0, 10)));
  EXPECT_FALSE(at::equal(before[10], after[10]));
}

TEST_F(LanguageModelTest, OlderRopeFieldsMeanTheSame) {
  model_.config.erase("rope_parameters");
  model_.config["rope_theta"] = 500.0;
  model_.config["rope_scaling"] = nullptr;
  const at::Tensor found = Forward(model_.Write(), {{2, HookSite::kResidual}}, tokens_)[0];
  EXPECT_LT(RelativeError(found, expected_.at("layers.2")), 1e-5);
}

TEST_F(LanguageModelTest, ShardsGiveTheSameBytesAsOneFile) {
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
      at::equal(Forward(model_.folder.path(), hookpoints, tokens_)[0], Forward(kLlama, hookpoints, tokens_)[0]));
}

TEST_F(LanguageModelTest, HalfWidthsGiveTheSameBytesAsTheirValuesInFloat32) {
  const std::vector<Hookpoint> hookpoints = {{2, HookSite::kResidual}};
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    TinyModel narrow;
    TinyModel wide;
    for (auto& [name, tensor] : narrow.weights) {
      tensor = tensor.to(type);
      wide.weights[name] = tensor.to(at::kFloat);
    }
    const at::Tensor found = Forward(narrow.Write(), hookpoints, tokens_)[0];
    EXPECT_TRUE(at::equal(found, Forward(wide.Write(), hookpoints, tokens_)[0]));
    EXPECT_LT(RelativeError(found, expected_.at("layers.2")), type == at::kHalf ? 5e-3 : 5e-2);
  }
}

TEST_F(LanguageModelTest, HeadDoesNotChangeHookpoints) {
  const auto with_head = LoadLanguageModel({kLlama, kDeepest, "cpu", at::kFloat, /*with_head=*/true}).value();
  const at::Tensor losses = with_head->CrossEntropy(tokens_);
  EXPECT_TRUE(at::equal(with_head->Forward(tokens_)[0], Forward(kLlama, kDeepest, tokens_)[0]));
  EXPECT_TRUE(at::equal(with_head->CrossEntropy(tokens_), losses));
}

// More rows than one block of the head, and the values by the definition.
TEST_F(LanguageModelTest, CrossEntropyIsThatOfTheLogits) {
  const auto model = LoadLanguageModel({kLlama, {}, "cpu", at::kFloat, /*with_head=*/true}).value();
  const at::Tensor tokens = at::randint(32, {7, 60}, at::kLong);
  const at::Tensor predictions = at::log_softmax(model->Logits(tokens).narrow(1, 0, 59), -1);
  const at::Tensor expected = -predictions.gather(2, tokens.narrow(1, 1, 59).unsqueeze(2)).squeeze(2);
  const at::Tensor found = model->CrossEntropy(tokens);
  EXPECT_EQ(found.scalar_type(), at::kFloat);
  EXPECT_LT(RelativeError(found, expected), 1e-6);
}

// An MLP's input is multiplied with another matrix there: the norm's weight is not folded in.
TEST_F(LanguageModelTest, APausedPassThatReplacesNothingEndsAsAWholeOne) {
  const at::Tensor tokens = at::randint(32, {100, 12}, at::kLong);  // Several blocks of the decoder.
  for (const std::string name : kTinyModels) {
    const std::string folder = TinyModelFolder(name);
    const std::vector<Hookpoint> every = EveryHookpoint(folder);
    const auto model = LoadLanguageModel({folder, every, "cpu", at::kFloat, /*with_head=*/true}).value();
    const at::Tensor clean = model->CrossEntropy(tokens);
    for (const Hookpoint& hookpoint : every) {
      const auto paused = model->PauseAt(tokens, {hookpoint});
      const at::Tensor found = paused->CrossEntropyWith(paused->activations().front());
      if (hookpoint.site == HookSite::kMlpInput) {
        EXPECT_LT(RelativeError(found, clean), 1e-5) << name << " " << hookpoint.ToString();
      } else {
        EXPECT_TRUE(at::equal(found, clean)) << name << " " << hookpoint.ToString();
      }
    }
    EXPECT_TRUE(at::equal(model->CrossEntropy(tokens), clean)) << name;
  }
}

TEST_F(LanguageModelTest, APausedPassHasTheActivationsOfForward) {
  const at::Tensor tokens = at::randint(32, {21, 50}, at::kLong);
  for (const std::string name : {"llama", "gpt_neox", "gemma2"}) {
    const std::string folder = TinyModelFolder(name);
    const std::vector<Hookpoint> every = EveryHookpoint(folder);
    const auto model = LoadLanguageModel({folder, every, "cpu", at::kFloat, /*with_head=*/true}).value();
    const std::vector<at::Tensor> expected = model->Forward(tokens);
    for (size_t i = 0; i < every.size(); ++i) {
      const auto paused = model->PauseAt(tokens, {every[i], every[i / 2]});
      ASSERT_EQ(paused->activations().size(), 2);
      EXPECT_TRUE(at::equal(paused->activations()[0], expected[i])) << every[i].ToString();
      EXPECT_TRUE(at::equal(paused->activations()[1], expected[i / 2])) << every[i].ToString();
    }
  }
}

// Whatever was done with the model in between.
TEST_F(LanguageModelTest, APausedPassEndsAgainAndAgainAsItDidAtFirst) {
  for (const std::string name : kTinyModels) {
    const std::string folder = TinyModelFolder(name);
    const std::vector<Hookpoint> every = EveryHookpoint(folder);
    const auto model = LoadLanguageModel({folder, every, "cpu", at::kFloat, /*with_head=*/true}).value();
    for (const Hookpoint& hookpoint : every) {
      const auto paused = model->PauseAt(tokens_, {hookpoint});
      const at::Tensor activations = paused->activations().front();
      const at::Tensor once = paused->CrossEntropyWith(activations);
      const at::Tensor other = paused->CrossEntropyWith(activations * -3);
      EXPECT_FALSE(at::equal(other, once)) << name << " " << hookpoint.ToString();
      model->CrossEntropy(at::randint(32, {3, 7}, at::kLong));
      EXPECT_TRUE(at::equal(paused->CrossEntropyWith(activations), once)) << name << " " << hookpoint.ToString();
      EXPECT_TRUE(at::equal(paused->CrossEntropyWith(activations * -3), other)) << name << " " << hookpoint.ToString();
    }
  }
}

TEST_F(LanguageModelTest, AReplacementChangesNothingBeforeItsPositionNorInOtherSequences) {
  for (const std::string name : kTinyModels) {
    const std::string folder = TinyModelFolder(name);
    const std::vector<Hookpoint> every = EveryHookpoint(folder);
    const auto model = LoadLanguageModel({folder, every, "cpu", at::kFloat, /*with_head=*/true}).value();
    for (const Hookpoint& hookpoint : every) {
      const auto paused = model->PauseAt(tokens_, {hookpoint});
      const at::Tensor same = paused->CrossEntropyWith(paused->activations().front());
      const at::Tensor replaced = paused->activations().front().clone();
      replaced[5].mul_(-3).add_(at::randn({replaced.size(1)}));
      const at::Tensor found = paused->CrossEntropyWith(replaced);
      EXPECT_TRUE(at::equal(found[0].narrow(0, 0, 5), same[0].narrow(0, 0, 5))) << hookpoint.ToString();
      EXPECT_TRUE(at::equal(found[1], same[1])) << hookpoint.ToString();
      EXPECT_NE(found[0][5].item<float>(), same[0][5].item<float>()) << name << " " << hookpoint.ToString();
    }
  }
}

// The value that a norm's weight of 0 hides is read by the MLP where it is replaced.
TEST_F(LanguageModelTest, AnMlpReadsAReplacedInputThoughTheNormsWeightIs0) {
  model_.weights.at("model.layers.1.post_attention_layernorm.weight").zero_();
  const Hookpoint input = {1, HookSite::kMlpInput};
  const auto model = LoadLanguageModel({model_.Write(), {input}, "cpu", at::kFloat, /*with_head=*/true}).value();
  const auto paused = model->PauseAt(tokens_, {input});
  const at::Tensor found = paused->CrossEntropyWith(at::ones_like(paused->activations().front()));
  EXPECT_GT(RelativeError(found, model->CrossEntropy(tokens_)), 1e-3);
}

TEST_F(LanguageModelTest, SaysWhichHookpointsItWasLoadedWith) {
  EXPECT_EQ(LoadLanguageModel({kLlama, kDeepest}).value()->hookpoints(), kDeepest);
}

TEST_F(LanguageModelTest, ReplacesInBfloat16) {
  if (!HasBfloat16(at::kCPU)) GTEST_SKIP() << "this CPU has no bfloat16";
  for (const std::string name : kTinyModels) {
    const std::string folder = TinyModelFolder(name);
    const std::vector<Hookpoint> every = EveryHookpoint(folder);
    const at::Tensor tokens = ReadTensors(JoinPath(folder, "expected.safetensors")).at("tokens");
    const auto expected = ReadTensors(JoinPath(folder, "replaced.safetensors"));
    const auto model = LoadLanguageModel({folder, every, "cpu", at::kBFloat16, /*with_head=*/true}).value();
    const at::Tensor clean = model->CrossEntropy(tokens_);
    for (const Hookpoint& hookpoint : every) {
      const auto paused = model->PauseAt(tokens, {hookpoint});
      const at::Tensor rows = paused->activations().front();
      EXPECT_EQ(rows.scalar_type(), at::kBFloat16);
      const at::Tensor halved = rows.to(at::kFloat) * 0.5 + at::linspace(-0.5, 0.5, rows.size(1));
      const at::Tensor found = paused->CrossEntropyWith(halved);
      EXPECT_LT(RelativeError(found, expected.at(hookpoint.ToString())), 5e-2) << name << " " << hookpoint.ToString();
      if (hookpoint.site == HookSite::kMlpInput) continue;
      const auto unchanged = model->PauseAt(tokens_, {hookpoint});
      const at::Tensor same = unchanged->CrossEntropyWith(unchanged->activations().front());
      EXPECT_TRUE(at::equal(same, clean)) << name << " " << hookpoint.ToString();
    }
  }
}

TEST_F(LanguageModelTest, Bfloat16IsCloseToFloat32) {
  if (!HasBfloat16(at::kCPU)) GTEST_SKIP() << "this CPU has no bfloat16";
  for (const std::string name : kTinyModels) {
    const std::string folder = TinyModelFolder(name);
    const auto expected = ReadTensors(JoinPath(folder, "expected.safetensors"));
    const std::vector<Hookpoint> hookpoints = {
        {0, HookSite::kAttention}, {1, HookSite::kMlpInput}, {1, HookSite::kResidual}};
    const auto model = LoadLanguageModel({folder, hookpoints, "cpu", at::kBFloat16, /*with_head=*/true});
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ((*model)->dtype(), at::kBFloat16);
    const std::vector<at::Tensor> found = (*model)->Forward(expected.at("tokens"));
    for (size_t i = 0; i < hookpoints.size(); ++i) {
      EXPECT_EQ(found[i].scalar_type(), at::kBFloat16);
      EXPECT_LT(RelativeError(found[i], expected.at(hookpoints[i].ToString())), 3e-2)
          << name << " " << hookpoints[i].ToString();
    }
    EXPECT_EQ((*model)->CrossEntropy(expected.at("tokens")).scalar_type(), at::kFloat);
    EXPECT_LT(RelativeError((*model)->Logits(expected.at("tokens")), expected.at("logits")), 5e-2) << name;
  }
}

}  // namespace
}  // namespace seedbed
