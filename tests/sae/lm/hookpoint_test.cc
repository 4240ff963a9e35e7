#include "sae/lm/hookpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kForms[] = "embeddings, layers.N, layers.N.mlp, layers.N.attn, layers.N.mlp_in, layers.N.resid_mid";

TEST(Hookpoint, RefusesWhatIsNotAHookpointAndSaysWhatIs) {
  for (const std::string text : {"",
                                 "layers",
                                 "layers.",
                                 "layers.x",
                                 "layers.-1",
                                 "layers.+1",
                                 "layers. 1",
                                 "layers.01",
                                 "layers.1.",
                                 "layers.1.ml",
                                 "layers.1.mlp.attn",
                                 "layers.1.mlp ",
                                 "Layers.1",
                                 "layers.99999999999",
                                 "layers.mlp",
                                 ".mlp",
                                 "embedding",
                                 "embeddings.0",
                                 "wte",
                                 "model.h.1",
                                 "transformer.layers.1",
                                 "model.model.layers.1",
                                 "layers.*"}) {
    const auto hookpoint = ParseHookpoint(text);
    ASSERT_EQ(hookpoint.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(hookpoint.status().message(), HasSubstr("\"" + text + "\""));
    EXPECT_THAT(hookpoint.status().message(), HasSubstr(kForms));
  }
}

TEST(Hookpoint, ComesBackAsItWasWritten) {
  const std::pair<std::string, Hookpoint> cases[] = {
      {"embeddings", {0, HookSite::kEmbeddings}},    {"layers.0", {0, HookSite::kResidual}},
      {"layers.9.mlp", {9, HookSite::kMlp}},         {"layers.120.attn", {120, HookSite::kAttention}},
      {"layers.3.mlp_in", {3, HookSite::kMlpInput}}, {"layers.3.resid_mid", {3, HookSite::kResidualMiddle}}};
  for (const auto& [text, expected] : cases) {
    const auto hookpoint = ParseHookpoint(text);
    ASSERT_TRUE(hookpoint.ok()) << hookpoint.status();
    EXPECT_TRUE(*hookpoint == expected) << text;
    EXPECT_EQ(hookpoint->ToString(), text);
  }
}

TEST(Hookpoint, HasTheSynonymsOfTransformersModules) {
  const std::pair<std::string, std::string> cases[] = {{"gpt_neox.layers.3.mlp", "layers.3.mlp"},
                                                       {"layers.3.attention", "layers.3.attn"},
                                                       {"model.layers.9", "layers.9"},
                                                       {"model.layers.9.self_attn", "layers.9.attn"},
                                                       {"layers.9.self_attn", "layers.9.attn"},
                                                       {"transformer.h.5.mlp", "layers.5.mlp"},
                                                       {"h.5.attn", "layers.5.attn"},
                                                       {"h.5", "layers.5"},
                                                       {"model.embed_tokens", "embeddings"},
                                                       {"gpt_neox.embed_in", "embeddings"},
                                                       {"transformer.drop", "embeddings"}};
  for (const auto& [synonym, canonical] : cases) {
    const auto hookpoint = ParseHookpoint(synonym);
    ASSERT_TRUE(hookpoint.ok()) << hookpoint.status();
    EXPECT_EQ(hookpoint->ToString(), canonical);
  }
}

TEST(Hookpoint, EverySpellingMeansIt) {
  for (const Hookpoint& hookpoint : HookpointInventory{2, false}.All()) {
    for (const std::string& spelling : SpellingsOf(hookpoint)) {
      const auto parsed = ParseHookpoint(spelling);
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      EXPECT_TRUE(*parsed == hookpoint) << spelling;
    }
  }
}

std::vector<std::string> Names(const HookpointInventory& inventory) {
  std::vector<std::string> names;
  for (const Hookpoint& hookpoint : inventory.All()) names.push_back(hookpoint.ToString());
  return names;
}

TEST(HookpointInventory, IsInTheOrderOfTheModel) {
  EXPECT_THAT(Names({2, false}), ElementsAre("embeddings", "layers.0.attn", "layers.0.resid_mid", "layers.0.mlp_in",
                                             "layers.0.mlp", "layers.0", "layers.1.attn", "layers.1.resid_mid",
                                             "layers.1.mlp_in", "layers.1.mlp", "layers.1"));
  EXPECT_THAT(Names({1, true}),
              ElementsAre("embeddings", "layers.0.attn", "layers.0.mlp_in", "layers.0.mlp", "layers.0"));
  const std::vector<Hookpoint> all = HookpointInventory{3, false}.All();
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

TEST(CheckHookpoint, MustBeInTheModel) {
  EXPECT_TRUE(CheckHookpoint({0, HookSite::kEmbeddings}, {30, false}).ok());
  EXPECT_TRUE(CheckHookpoint({29, HookSite::kResidual}, {30, true}).ok());
  const absl::Status beyond = CheckHookpoint({30, HookSite::kAttention}, {30, false});
  EXPECT_EQ(beyond.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(beyond.message(), HasSubstr("\"layers.30.attn\""));
  EXPECT_THAT(beyond.message(), HasSubstr(std::string(kForms) + " for N from 0 to 29"));
}

TEST(CheckHookpoint, SaysWhyAParallelModelHasNoMiddle) {
  EXPECT_TRUE(CheckHookpoint({1, HookSite::kResidualMiddle}, {2, false}).ok());
  const absl::Status parallel = CheckHookpoint({1, HookSite::kResidualMiddle}, {2, true});
  EXPECT_EQ(parallel.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(parallel.message(), HasSubstr("\"layers.1.resid_mid\""));
  EXPECT_THAT(parallel.message(), HasSubstr("add attention and MLP to the residual stream together"));
  EXPECT_THAT(parallel.message(), Not(HasSubstr("layers.N.resid_mid")));
}

}  // namespace
}  // namespace seedbed
