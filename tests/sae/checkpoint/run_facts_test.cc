#include "sae/checkpoint/run_facts.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

absl::StatusOr<RunFacts> Read(const std::string& text) {
  return ReadRunFacts(JsonObject::Parse(text, "manifest.json").value());
}

TEST(RunFactsTest, TakesWhatARunStates) {
  const auto facts =
      Read(R"({"run_id": "s1-r0", "seed": 18446744073709551615, "hookpoint": "layers.9", "batch_hash": "ab",
      "training": {"convention": "saelens", "target_hookpoint": "layers.9.mlp", "hookpoint": "layers.8"},
      "stream": {"model_path": "/models/smollm2/", "model_fingerprint": "cd", "tokens_sha256": "ef",
                 "sequence_length": 256, "tokens": [{"path": "a.bin", "sequences": 1}, {"path": "b.bin"}]},
      "metrics": {"fvu": 0.25, "note": null}, "evaluation": {"fvu": 0.5, "l0_histogram": [1, 2]}})");
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->run_id, "s1-r0");
  EXPECT_EQ(facts->seed, 18446744073709551615u);
  EXPECT_EQ(facts->hookpoint, "layers.9");
  EXPECT_EQ(facts->target_hookpoint, "layers.9.mlp");
  EXPECT_EQ(facts->convention, "saelens");
  EXPECT_EQ(facts->batch_hash, "ab");
  EXPECT_EQ(facts->model, "smollm2");
  EXPECT_EQ(facts->model_fingerprint, "cd");
  EXPECT_THAT(facts->token_files, ElementsAre("a.bin", "b.bin"));
  EXPECT_EQ(facts->tokens_sha256, "ef");
  EXPECT_EQ(facts->sequence_length, 256);
  EXPECT_THAT(facts->metrics, ElementsAre(Pair("fvu", 0.25), Pair("held-out fvu", 0.5)));
}

TEST(RunFactsTest, WhatIsNotStatedIsEmpty) {
  const auto facts = Read(R"({"unknown": 1, "hookpoint": null})");
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->hookpoint, "");
  EXPECT_FALSE(facts->seed.has_value());
  EXPECT_FALSE(facts->sequence_length.has_value());
  EXPECT_THAT(facts->metrics, IsEmpty());
}

TEST(RunFactsTest, TheModelIsTheLastComponentOfItsPath) {
  const auto model = [](const std::string& path) {
    return Read(R"({"stream": {"model_path": ")" + path + "\"}}")->model;
  };
  EXPECT_EQ(model("/models/smollm2"), "smollm2");
  EXPECT_EQ(model("smollm2"), "smollm2");
  EXPECT_EQ(model("a/b//"), "b");
  EXPECT_EQ(model("/"), "/");
}

TEST(RunFactsTest, NamesAFactOfAWrongType) {
  const auto message = [](const std::string& text) {
    const auto facts = Read(text);
    EXPECT_EQ(facts.status().code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(facts.status().message());
  };
  EXPECT_THAT(message(R"({"seed": -1})"), AllOf(HasSubstr("manifest.json"), HasSubstr("\"seed\""), HasSubstr("-1")));
  EXPECT_THAT(message(R"({"training": {"convention": 1}})"), HasSubstr("\"training.convention\""));
  EXPECT_THAT(message(R"({"stream": []})"), HasSubstr("\"stream\""));
  EXPECT_THAT(message(R"({"stream": {"tokens": [{}]}})"), HasSubstr("\"stream.tokens[0].path\""));
  EXPECT_THAT(message(R"({"stream": {"sequence_length": 0}})"), HasSubstr("\"stream.sequence_length\""));
  EXPECT_THAT(message(R"({"metrics": 1})"), HasSubstr("\"metrics\""));
}

}  // namespace
}  // namespace seedbed
