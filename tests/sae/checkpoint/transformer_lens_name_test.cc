#include "sae/checkpoint/transformer_lens_name.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(TransformerLensNameTest, NamesThePlacesThatItHas) {
  EXPECT_EQ(TransformerLensName("layers.9"), "blocks.9.hook_resid_post");
  EXPECT_EQ(TransformerLensName("layers.0.mlp"), "blocks.0.hook_mlp_out");
  EXPECT_EQ(TransformerLensName("layers.3.attn"), "blocks.3.hook_attn_out");
  EXPECT_EQ(TransformerLensName("layers.3.resid_mid"), "blocks.3.hook_resid_mid");
  EXPECT_EQ(TransformerLensName("embeddings"), "blocks.0.hook_resid_pre");
  EXPECT_EQ(TransformerLensName("gpt_neox.layers.3.mlp"), "blocks.3.hook_mlp_out");
}

TEST(TransformerLensNameTest, LeavesOthersAsTheyAre) {
  for (const char* name : {"layers.3.mlp_in", "blocks.3.hook_z", "", "a row folder"}) {
    EXPECT_EQ(TransformerLensName(name), name);
  }
}

}  // namespace
}  // namespace seedbed
