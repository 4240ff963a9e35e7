#include "sae/agreement/sibling_matchings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/agreement/matchings.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Counterparts, AreStrictWhereBothSidesHaveOneCounterpartAndReachTheThreshold) {
  Counterparts pair;
  pair.decoder = {{3, 1, 2, -1}, {0.9, 0.9, 0.7, 0}};
  pair.encoder = {{3, 0, 2, -1}, {0.7, 0.9, 0.69, 0}};
  EXPECT_TRUE(pair.Strict(0, 0.7));
  EXPECT_FALSE(pair.Strict(1, 0.7)) << "two counterparts";
  EXPECT_FALSE(pair.Strict(2, 0.7)) << "one side is below";
  EXPECT_FALSE(pair.Strict(3, 0)) << "none";
  EXPECT_FALSE(pair.Aligned(0, 0.7)) << "not above";
  EXPECT_TRUE(pair.Aligned(1, 0.7));
  EXPECT_FALSE(pair.Equal(1));
}

TEST(Counterparts, RoundingDoesNotDecideWhetherALatentEqualsItsCopy) {
  const Counterparts pair = SameOnBothSides({0}, {1 - 1e-15});
  EXPECT_TRUE(pair.Strict(0, 1));
  EXPECT_FALSE(SameOnBothSides({0}, {1e-15}).Aligned(0, 0));
}

TEST(SiblingMatchings, AreSeenFromBothDictionariesAlsoOfOtherWidths) {
  const auto siblings = SiblingMatchings::Make({3, 4}, {SameOnBothSides({2, 0, 3}, {0.1, 0.2, 0.3})});
  ASSERT_TRUE(siblings.ok()) << siblings.status();
  const Counterparts& back = siblings->Of(1, 0);
  EXPECT_THAT(back.decoder.counterpart, ElementsAre(1, -1, 0, 2));
  EXPECT_THAT(back.decoder.cosine, ElementsAre(0.2, 0, 0.1, 0.3));
  EXPECT_THAT(siblings->Of(0, 1).decoder.counterpart, ElementsAre(2, 0, 3));
}

TEST(SiblingMatchings, NamesWhatDoesNotFit) {
  const auto message = [](std::vector<int64_t> latents, std::vector<Counterparts> pairs) {
    return std::string(SiblingMatchings::Make(std::move(latents), std::move(pairs)).status().message());
  };
  EXPECT_THAT(message({3}, {}), HasSubstr("0 pairs of 1 dictionaries"));
  EXPECT_THAT(message({3, 3, 3}, {SameOnBothSides({0, 1, 2}, {0, 0, 0})}), HasSubstr("1 pairs of 3"));
  EXPECT_THAT(message({2, 3}, {SameOnBothSides({0, 1, 2}, {0, 0, 0})}), HasSubstr("dictionary 0 has 2 latents"));
  EXPECT_THAT(message({2, 2}, {SameOnBothSides({0, 2}, {0, 0})}), HasSubstr("counterpart of latent 1 is 2"));
  EXPECT_THAT(message({2, 2}, {SameOnBothSides({0, -2}, {0, 0})}), HasSubstr("counterpart of latent 1 is -2"));
  EXPECT_THAT(message({2, 2}, {SameOnBothSides({1, 1}, {0, 0})}), HasSubstr("latents 0 and 1 have one counterpart, 1"));
}

}  // namespace
}  // namespace seedbed
