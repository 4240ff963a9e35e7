#include "sae/lm/hookpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace seedbed {
namespace {

using ::testing::HasSubstr;

TEST(Hookpoint, RefusesWhatIsNotAHookpointAndSaysWhatIs) {
  for (const std::string text : {"", "layers", "layers.", "layers.x", "layers.-1", "layers.+1", "layers. 1",
                                 "layers.01", "layers.1.", "layers.1.ml", "layers.1.mlp.attn", "layers.1.mlp ",
                                 "Layers.1", "layers.99999999999", "layers.mlp", "h.1", ".mlp"}) {
    const auto hookpoint = ParseHookpoint(text);
    ASSERT_EQ(hookpoint.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(hookpoint.status().message(), HasSubstr("\"" + text + "\""));
    EXPECT_THAT(hookpoint.status().message(), HasSubstr("layers.N, layers.N.mlp, layers.N.attn"));
  }
}

TEST(Hookpoint, ComesBackAsItWasWritten) {
  const std::pair<std::string, Hookpoint> cases[] = {{"layers.0", {0, HookSite::kResidual}},
                                                     {"layers.9.mlp", {9, HookSite::kMlp}},
                                                     {"layers.120.attn", {120, HookSite::kAttention}}};
  for (const auto& [text, expected] : cases) {
    const auto hookpoint = ParseHookpoint(text);
    ASSERT_TRUE(hookpoint.ok()) << hookpoint.status();
    EXPECT_TRUE(*hookpoint == expected) << text;
    EXPECT_EQ(hookpoint->ToString(), text);
  }
}

TEST(Hookpoint, MustBeInTheModel) {
  EXPECT_TRUE(CheckHookpoints({{0, HookSite::kMlp}, {29, HookSite::kResidual}}, 30).ok());
  EXPECT_EQ(CheckHookpoints({}, 30).code(), absl::StatusCode::kInvalidArgument);
  const absl::Status beyond = CheckHookpoints({{0, HookSite::kMlp}, {30, HookSite::kAttention}}, 30);
  EXPECT_EQ(beyond.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(beyond.message(), HasSubstr("\"layers.30.attn\""));
  EXPECT_THAT(beyond.message(), HasSubstr("layers.N, layers.N.mlp, layers.N.attn for N from 0 to 29"));
}

}  // namespace
}  // namespace seedbed
