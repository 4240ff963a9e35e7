#include "sae/lm/hookpoint_resolution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr HookpointInventory kModel = {6, false};

void ExpectRefused(const std::vector<std::string>& names, const std::vector<std::string>& parts) {
  const auto resolved = ResolveHookpoints(kModel, names);
  ASSERT_EQ(resolved.status().code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& part : parts) EXPECT_THAT(resolved.status().message(), HasSubstr(part));
}

std::vector<std::string> Resolved(const std::vector<std::string>& names, const HookpointInventory& model = kModel) {
  const auto resolved = ResolveHookpoints(model, names);
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  std::vector<std::string> canonical;
  for (const Hookpoint& hookpoint : resolved.value_or(std::vector<Hookpoint>())) {
    canonical.push_back(hookpoint.ToString());
  }
  return canonical;
}

TEST(ResolveHookpoints, RefusesNone) { ExpectRefused({}, {"no hookpoint"}); }

TEST(ResolveHookpoints, ListsWhatTheModelHasForOneThatItHasNot) {
  ExpectRefused({"layers.0", "layers.6"}, {"\"layers.6\"", "embeddings, layers.N", "for N from 0 to 5"});
  ExpectRefused({"layers.0.mpl"}, {"\"layers.0.mpl\"", "layers.N.mlp"});
  ExpectRefused({"layers.*.mpl"}, {"\"layers.*.mpl\"", "matches nothing", "layers.N.mlp", "for N from 0 to 5"});
  ExpectRefused({"layers.[6-9]"}, {"\"layers.[6-9]\"", "matches nothing"});
  ExpectRefused({"layers.[0"}, {"\"layers.[0\"", "matches nothing"});
}

TEST(ResolveHookpoints, NamesBothOfOneThatComesTwice) {
  ExpectRefused({"layers.3", "layers.3"}, {"\"layers.3\" is named twice: by \"layers.3\" and by \"layers.3\""});
  ExpectRefused({"layers.3.attn", "model.layers.3.self_attn"},
                {"\"layers.3.attn\" is named twice", "by \"layers.3.attn\" and by \"model.layers.3.self_attn\""});
  ExpectRefused({"layers.*.mlp", "layers.2.mlp"}, {"\"layers.2.mlp\"", "by \"layers.*.mlp\" and by \"layers.2.mlp\""});
  ExpectRefused({"layers.[0-2]", "h.[2-3]"}, {"\"layers.2\"", "by \"layers.[0-2]\" and by \"h.[2-3]\""});
}

TEST(ResolveHookpoints, KeepsTheOrderOfNamesAndThatOfTheModelWithinAPattern) {
  EXPECT_THAT(Resolved({"h.5.mlp", "embeddings", "layers.[3-4]", "layers.0"}),
              ElementsAre("layers.5.mlp", "embeddings", "layers.3", "layers.4", "layers.0"));
  EXPECT_THAT(Resolved({"layers.*.mlp"}), ElementsAre("layers.0.mlp", "layers.1.mlp", "layers.2.mlp", "layers.3.mlp",
                                                      "layers.4.mlp", "layers.5.mlp"));
  EXPECT_THAT(Resolved({"*.mlp"}), SizeIs(6));
  EXPECT_THAT(Resolved({"layers.?"}), SizeIs(6));
  EXPECT_THAT(Resolved({"layers.1*"}), SizeIs(5));
  EXPECT_THAT(Resolved({"*"}), SizeIs(1 + 6 * 5));
  EXPECT_THAT(Resolved({"*"}, {6, true}), SizeIs(1 + 6 * 4));
}

TEST(ResolveHookpoints, ComparesPatternsWithSynonymsToo) {
  EXPECT_THAT(Resolved({"gpt_neox.layers.[01].attention"}), ElementsAre("layers.0.attn", "layers.1.attn"));
  EXPECT_THAT(Resolved({"transformer.h.*.mlp"}), SizeIs(6));
}

}  // namespace
}  // namespace seedbed
