#include "server/scheduler/hookpoint_name.h"

#include <string>

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(HookpointName, KnowsCanonicalNames) {
  for (const char* name : {"embeddings", "layers.0", "layers.31", "layers.9.attn", "layers.9.mlp", "layers.9.mlp_in",
                           "layers.9.resid_mid"}) {
    EXPECT_TRUE(IsCanonicalHookpoint(name)) << name;
  }
}

TEST(HookpointName, ASynonymPatternOrMistakeIsNotCanonical) {
  for (const char* name :
       {"", "layers", "layers.", "layers.09", "layers.-1", "layers.+1", "layers.99999999999", "layers.*",
        "layers.1.resid", "layers.1.mlp.0", "layers.1.", "layer.9", "model.layers.9", "Embeddings"}) {
    EXPECT_FALSE(IsCanonicalHookpoint(name)) << name;
  }
}

TEST(HookpointName, TextCannotLeaveAFolder) {
  EXPECT_TRUE(IsHookpointText("gpt_neox.layers.*.mlp"));
  EXPECT_TRUE(IsHookpointText(std::string(128, 'x')));
  for (const char* text : {"", "..", ".x", "a/b", "a b", "a\nb", "h\xC3\xB6k"})
    EXPECT_FALSE(IsHookpointText(text)) << text;
  EXPECT_FALSE(IsHookpointText(std::string(129, 'x')));
  EXPECT_FALSE(IsHookpointText(std::string("a\0b", 3)));
}

TEST(HookpointName, APatternHasACharacterOfPatterns) {
  for (const char* text : {"layers.*.mlp", "layers.?", "layers.[0-3]"}) EXPECT_TRUE(IsHookpointPattern(text)) << text;
  for (const char* text : {"layers.9.mlp", "embeddings", ""}) EXPECT_FALSE(IsHookpointPattern(text)) << text;
}

}  // namespace
}  // namespace seedbed
