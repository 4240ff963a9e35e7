#include "sae/agreement/stability.h"

#include "gtest/gtest.h"
#include "tests/sae/agreement/matchings.h"

namespace seedbed {
namespace {

TEST(Stability, IsTheMeanCosineAndTheNumberOfSiblingsThatHaveALatent) {
  Counterparts first = SameOnBothSides({1, 0, -1}, {0.9, 0.5, 0});  // To a dictionary of two latents.
  first.encoder.cosine = {0.8, 0.9, 0};
  const Counterparts second = SameOnBothSides({0, 1, 2}, {0.7, 0.8, 0.2});
  const auto siblings = SiblingMatchings::Make({3, 2, 3}, {first, second, SameOnBothSides({0, 1}, {0, 0})});
  ASSERT_TRUE(siblings.ok()) << siblings.status();
  const std::vector<Stability> stability = StabilityOf(*siblings, 0, 0.7);
  ASSERT_EQ(stability.size(), 3u);
  EXPECT_DOUBLE_EQ(stability[0].decoder_cosine, 0.8);
  EXPECT_DOUBLE_EQ(stability[0].encoder_cosine, 0.75);
  EXPECT_EQ(stability[0].found_in, 2);
  EXPECT_DOUBLE_EQ(stability[1].decoder_cosine, 0.65);
  EXPECT_EQ(stability[1].found_in, 1);
  EXPECT_DOUBLE_EQ(stability[2].decoder_cosine, 0.1) << "none in the smaller dictionary counts 0";
  EXPECT_EQ(stability[2].found_in, 0);
}

}  // namespace
}  // namespace seedbed
