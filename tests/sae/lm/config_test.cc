// What config.json of each family is read as.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/file.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/lm/families/family.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

using nlohmann::json;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json ConfigOf(const std::string& model) {
  return json::parse(ReadFile(JoinPath(TinyModelFolder(model), "config.json")).value());
}

json With(const std::string& model, const std::string& field, const json& value) {
  json config = ConfigOf(model);
  config[field] = value;
  return config;
}

absl::StatusOr<DecoderConfig> Parse(const json& config) {
  const JsonObject object = JsonObject::Parse(config.dump(), "config.json").value();
  ASSIGN_OR_RETURN(const Family* family, FindFamily(object));
  return family->parse_config(object);
}

void ExpectRefused(const json& config, const std::vector<std::string>& parts) {
  const auto parsed = Parse(config);
  ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << config;
  EXPECT_THAT(parsed.status().message(), HasSubstr("config.json"));
  for (const std::string& part : parts) EXPECT_THAT(parsed.status().message(), HasSubstr(part));
}

TEST(Config, NamesAModelTypeThatIsNotSupported) {
  ExpectRefused(With("llama", "model_type", "mamba"),
                {"\"model_type\"", "mamba", "supported are: llama, mistral, qwen2, qwen3, gpt_neox, gpt2, gemma2"});
  json config = ConfigOf("llama");
  config.erase("model_type");
  ExpectRefused(config, {"\"model_type\"", "missing"});
}

TEST(Config, NamesAFieldThatIsMissing) {
  const std::vector<std::string> of_llama = {"vocab_size",        "hidden_size",         "intermediate_size",
                                             "num_hidden_layers", "num_attention_heads", "rms_norm_eps"};
  for (const std::string model : {"llama", "mistral", "qwen2", "qwen3", "gemma2"}) {
    for (const std::string& field : of_llama) {
      json config = ConfigOf(model);
      config.erase(field);
      ExpectRefused(config, {"\"" + field + "\"", "missing"});
    }
  }
  for (const std::string field : {"vocab_size", "n_positions", "n_embd", "n_layer", "n_head"}) {
    json config = ConfigOf("gpt2");
    config.erase(field);
    ExpectRefused(config, {"\"" + field + "\"", "missing"});
  }
  for (const std::string field : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers"}) {
    json config = ConfigOf("gpt_neox");
    config.erase(field);
    ExpectRefused(config, {"\"" + field + "\"", "missing"});
  }
}

TEST(Config, NamesAFieldThatMakesNoSense) {
  ExpectRefused(With("llama", "hidden_size", "576"), {"\"hidden_size\"", "\"576\"", "an integer"});
  ExpectRefused(With("llama", "hidden_size", 0), {"\"hidden_size\"", "0"});
  ExpectRefused(With("llama", "vocab_size", 1e18), {"\"vocab_size\""});
  ExpectRefused(With("llama", "num_hidden_layers", -1), {"\"num_hidden_layers\"", "-1"});
  ExpectRefused(With("llama", "num_key_value_heads", 3), {"\"num_key_value_heads\"", "3", "4"});
  ExpectRefused(With("llama", "head_dim", 63), {"\"head_dim\"", "63", "even"});
  ExpectRefused(With("llama", "rms_norm_eps", 0), {"\"rms_norm_eps\"", "above 0"});
  ExpectRefused(With("llama", "tie_word_embeddings", "yes"), {"\"tie_word_embeddings\"", "true or false"});
  json no_head_dim = With("llama", "num_attention_heads", 7);
  no_head_dim["head_dim"] = nullptr;
  ExpectRefused(no_head_dim, {"\"num_attention_heads\"", "7", "16"});
  ExpectRefused(With("gpt_neox", "num_attention_heads", 3), {"\"num_attention_heads\"", "3", "32"});
  ExpectRefused(With("gpt2", "n_head", 3), {"\"n_head\"", "3", "16"});
  ExpectRefused(With("gemma2", "query_pre_attn_scalar", 0), {"\"query_pre_attn_scalar\"", "above 0"});
  ExpectRefused(With("gemma2", "attn_logit_softcapping", -1), {"\"attn_logit_softcapping\"", "above 0"});
}

TEST(Config, RefusesAnArchitectureThatIsNotSupported) {
  ExpectRefused(With("llama", "hidden_act", "relu"), {"\"hidden_act\"", "relu", "silu, gelu"});
  ExpectRefused(With("gpt2", "activation_function", "relu"), {"\"activation_function\"", "relu"});
  ExpectRefused(With("gpt2", "scale_attn_weights", false), {"\"scale_attn_weights\"", "supported is: true"});
  ExpectRefused(With("gpt2", "scale_attn_by_inverse_layer_idx", true), {"\"scale_attn_by_inverse_layer_idx\""});
  ExpectRefused(With("gpt2", "add_cross_attention", true), {"\"add_cross_attention\""});
  ExpectRefused(With("gemma2", "use_bidirectional_attention", true), {"\"use_bidirectional_attention\""});
  for (const std::string model : kTinyModels) {
    ExpectRefused(With(model, "quantization_config", {{"bits", 4}}), {"\"quantization_config\""});
  }
}

TEST(Config, RefusesARotaryEmbeddingThatIsNotSupported) {
  ExpectRefused(With("llama", "rope_parameters", {{"rope_theta", -1}}), {"\"rope_parameters.rope_theta\"", "above 0"});
  ExpectRefused(With("llama", "rope_parameters", {{"rope_type", "yarn"}}),
                {"\"rope_parameters.rope_type\"", "yarn", "default, linear, llama3"});
  ExpectRefused(With("llama", "rope_scaling", {{"type", "dynamic"}, {"factor", 2}}),
                {"\"rope_scaling.type\"", "dynamic"});
  ExpectRefused(With("llama", "rope_scaling", {{"type", "linear"}}), {"\"rope_scaling.factor\"", "missing"});
  ExpectRefused(With("llama", "rope_parameters", {{"partial_rotary_factor", 0.5}}), {"partial_rotary_factor", "0.5"});
  ExpectRefused(With("llama", "rope_parameters", {{"full_attention", {{"rope_theta", 1e4}}}}),
                {"\"rope_parameters.full_attention\"", "the same embedding"});
  ExpectRefused(With("llama_llama3", "rope_parameters",
                     {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 4}, {"high_freq_factor", 4}}),
                {"\"rope_parameters.high_freq_factor\"", "above low_freq_factor"});
  for (const double fraction : {0.1, 0.2, 1.5}) {
    ExpectRefused(With("gpt_neox", "rope_parameters", {{"partial_rotary_factor", fraction}}),
                  {"\"rope_parameters.partial_rotary_factor\"", "even number"});
  }
}

TEST(Config, RefusesLayerTypesThatDoNotFit) {
  ExpectRefused(With("gemma2", "layer_types", {"full_attention"}), {"\"layer_types\"", "1 entries for 3 layers"});
  ExpectRefused(With("gemma2", "layer_types", {"full_attention", "linear_attention", "full_attention"}),
                {"\"layer_types\"", "linear_attention"});
  ExpectRefused(With("gemma2", "sliding_window", nullptr), {"\"layer_types\"", "no sliding_window"});
  ExpectRefused(With("qwen2", "layer_types", "full_attention"), {"\"layer_types\"", "array of strings"});
}

TEST(Config, ReadsNewerAndOlderRotaryFields) {
  json config = ConfigOf("llama");
  EXPECT_EQ(Parse(config)->rotary.theta, 500.0);
  config.erase("rope_parameters");
  EXPECT_EQ(Parse(config)->rotary.theta, 10000.0);
  config["rope_theta"] = 500000;
  config["rope_scaling"] = nullptr;
  EXPECT_EQ(Parse(config)->rotary.theta, 500000.0);
  config["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  const RotaryConfig linear = Parse(config)->rotary;
  EXPECT_EQ(linear.theta, 500000.0);
  EXPECT_EQ(linear.scaling, RotaryScaling::kLinear);
  EXPECT_EQ(linear.factor, 2.0);
  config["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 32}, {"low_freq_factor", 1}, {"high_freq_factor", 4}};
  const RotaryConfig llama3 = Parse(config)->rotary;
  EXPECT_EQ(llama3.scaling, RotaryScaling::kLlama3);
  EXPECT_EQ(llama3.original_context_length, 64.0);  // max_position_embeddings
}

TEST(Config, ReadsNewerAndOlderFieldsOfGptNeox) {
  json config = ConfigOf("gpt_neox");
  EXPECT_EQ(Parse(config)->rotary.dimensions, 4);
  config.erase("rope_parameters");
  EXPECT_EQ(Parse(config)->rotary.dimensions, 4);
  config["rotary_pct"] = 0.5;
  config["rotary_emb_base"] = 777;
  const RotaryConfig older = Parse(config)->rotary;
  EXPECT_EQ(older.dimensions, 8);
  EXPECT_EQ(older.theta, 777.0);
}

TEST(Config, FillsInWhatMayBeAbsent) {
  json config = ConfigOf("llama");
  config.erase("num_key_value_heads");
  config.erase("head_dim");
  config.erase("tie_word_embeddings");
  const auto llama = Parse(config);
  ASSERT_TRUE(llama.ok()) << llama.status();
  EXPECT_EQ(llama->kv_heads, 4);
  EXPECT_EQ(llama->d_head, 4);
  EXPECT_FALSE(llama->tied_head);

  config = ConfigOf("gpt2");
  config.erase("tie_word_embeddings");
  const auto gpt2 = Parse(config);
  ASSERT_TRUE(gpt2.ok()) << gpt2.status();
  EXPECT_EQ(gpt2->d_mlp, 64);
  EXPECT_TRUE(gpt2->tied_head);
}

TEST(Config, GivesEachLayerItsWindow) {
  EXPECT_THAT(Parse(ConfigOf("llama"))->windows, Each(0));
  EXPECT_THAT(Parse(ConfigOf("mistral"))->windows, ElementsAre(4, 4, 4));
  EXPECT_THAT(Parse(With("mistral", "sliding_window", nullptr))->windows, Each(0));
  EXPECT_THAT(Parse(ConfigOf("qwen2"))->windows, ElementsAre(0, 4, 4));
  EXPECT_THAT(Parse(ConfigOf("gemma2"))->windows, ElementsAre(4, 0, 4));

  for (const std::string model : {"qwen2", "gemma2"}) {
    json older = ConfigOf(model);
    older.erase("layer_types");
    EXPECT_EQ(Parse(older)->windows, Parse(ConfigOf(model))->windows) << model;
  }
  json off = ConfigOf("qwen2");
  off.erase("layer_types");
  off["use_sliding_window"] = false;
  EXPECT_THAT(Parse(off)->windows, Each(0));
}

}  // namespace
}  // namespace seedbed
