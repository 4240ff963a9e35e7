#include "sae/lm/llama_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace seedbed {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json Good() {
  return {{"vocab_size", 49152},       {"hidden_size", 576},
          {"intermediate_size", 1536}, {"num_hidden_layers", 30},
          {"num_attention_heads", 9},  {"num_key_value_heads", 3},
          {"rms_norm_eps", 1e-5},      {"rope_parameters", {{"rope_theta", 100000.0}, {"rope_type", "default"}}}};
}

absl::StatusOr<LlamaConfig> Parse(const json& config) {
  return ParseLlamaConfig(JsonObject::Parse(config.dump(), "config.json").value());
}

json With(const std::string& field, const json& value) {
  json config = Good();
  config[field] = value;
  return config;
}

void ExpectRefused(const json& config, const std::vector<std::string>& parts) {
  const auto parsed = Parse(config);
  ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << config;
  EXPECT_THAT(parsed.status().message(), HasSubstr("config.json"));
  for (const std::string& part : parts) EXPECT_THAT(parsed.status().message(), HasSubstr(part));
}

TEST(LlamaConfig, NamesAFieldThatIsMissing) {
  for (const std::string field :
       {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps"}) {
    json config = Good();
    config.erase(field);
    ExpectRefused(config, {"\"" + field + "\"", "missing"});
  }
}

TEST(LlamaConfig, NamesAFieldThatMakesNoSense) {
  ExpectRefused(With("hidden_size", "576"), {"\"hidden_size\"", "\"576\"", "an integer"});
  ExpectRefused(With("hidden_size", 0), {"\"hidden_size\"", "0"});
  ExpectRefused(With("vocab_size", 1e18), {"\"vocab_size\""});
  ExpectRefused(With("num_hidden_layers", -1), {"\"num_hidden_layers\"", "-1"});
  ExpectRefused(With("num_attention_heads", 7), {"\"num_attention_heads\"", "7", "576"});
  ExpectRefused(With("num_key_value_heads", 2), {"\"num_key_value_heads\"", "2", "9"});
  ExpectRefused(With("head_dim", 63), {"\"head_dim\"", "63", "even"});
  ExpectRefused(With("rms_norm_eps", 0), {"\"rms_norm_eps\"", "above 0"});
  ExpectRefused(With("rope_parameters", {{"rope_theta", -1}}), {"\"rope_parameters.rope_theta\"", "above 0"});
}

TEST(LlamaConfig, RefusesWhatIsNotSupportedByName) {
  ExpectRefused(With("rope_parameters", {{"rope_theta", 1e4}, {"rope_type", "llama3"}}),
                {"\"rope_parameters.rope_type\"", "llama3", "default"});
  ExpectRefused(With("rope_scaling", {{"type", "linear"}, {"factor", 2}}), {"\"rope_scaling.type\"", "linear"});
  ExpectRefused(With("rope_parameters", {{"rope_theta", 1e4}, {"partial_rotary_factor", 0.5}}),
                {"partial_rotary_factor", "0.5"});
  ExpectRefused(With("hidden_act", "gelu"), {"\"hidden_act\"", "gelu", "silu"});
  ExpectRefused(With("attention_bias", true), {"\"attention_bias\""});
  ExpectRefused(With("mlp_bias", true), {"\"mlp_bias\""});
  ExpectRefused(With("quantization_config", {{"bits", 4}}), {"\"quantization_config\""});
}

TEST(LlamaConfig, ReadsNewerAndOlderFiles) {
  const auto newer = Parse(Good());
  ASSERT_TRUE(newer.ok()) << newer.status();
  EXPECT_EQ(newer->vocabulary_size, 49152);
  EXPECT_EQ(newer->d_model, 576);
  EXPECT_EQ(newer->d_mlp, 1536);
  EXPECT_EQ(newer->layers, 30);
  EXPECT_EQ(newer->heads, 9);
  EXPECT_EQ(newer->kv_heads, 3);
  EXPECT_EQ(newer->d_head, 64);
  EXPECT_EQ(newer->rms_norm_epsilon, 1e-5);
  EXPECT_EQ(newer->rope_theta, 100000.0);

  json config = Good();
  config.erase("rope_parameters");
  EXPECT_EQ(Parse(config)->rope_theta, 10000.0);
  config["rope_theta"] = 500000;
  config["rope_scaling"] = nullptr;
  EXPECT_EQ(Parse(config)->rope_theta, 500000.0);
  config["rope_scaling"] = {{"rope_type", "default"}};
  EXPECT_EQ(Parse(config)->rope_theta, 500000.0);
}

TEST(LlamaConfig, FillsInWhatMayBeAbsent) {
  json config = Good();
  config.erase("num_key_value_heads");
  config["head_dim"] = 32;
  config["attention_bias"] = false;
  const auto parsed = Parse(config);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->kv_heads, 9);
  EXPECT_EQ(parsed->d_head, 32);
}

}  // namespace
}  // namespace seedbed
