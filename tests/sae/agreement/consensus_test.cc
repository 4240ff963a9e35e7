#include "sae/agreement/consensus.h"

#include <set>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/agreement/matchings.h"

namespace seedbed {
namespace {

std::vector<std::pair<int32_t, int32_t>> MembersOf(const ConsensusLatent& latent) {
  std::vector<std::pair<int32_t, int32_t>> members;
  for (const ConsensusMember& member : latent.members) members.emplace_back(member.dictionary, member.latent);
  return members;
}

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Consensus, GroupsWhatIsFoundInOneAnotherAroundItsCenter) {
  // Latent 0 of all three is one; of latent 1 dictionaries 0 and 2 have one, 1 another.
  const auto siblings = SiblingMatchings::Make(
      {2, 2, 2},
      {SameOnBothSides({0, 1}, {0.95, 0.3}), SameOnBothSides({0, 1}, {0.8, 0.9}), SameOnBothSides({0, 1}, {0.9, 0.2})});
  ASSERT_TRUE(siblings.ok());
  const std::vector<ConsensusLatent> of_two = FindConsensus(*siblings, 0.7, 2);
  ASSERT_EQ(of_two.size(), 2u);
  EXPECT_THAT(MembersOf(of_two[0]), ElementsAre(Pair(0, 0), Pair(1, 0), Pair(2, 0)));
  EXPECT_EQ(of_two[0].center.dictionary, 1) << "the means are .875, .925 and .85";
  EXPECT_DOUBLE_EQ(of_two[0].mean_cosine, 0.925);
  EXPECT_THAT(MembersOf(of_two[1]), ElementsAre(Pair(0, 1), Pair(2, 1)));
  EXPECT_EQ(of_two[1].center.dictionary, 0) << "of equal ones the first";
  EXPECT_EQ(FindConsensus(*siblings, 0.7, 3).size(), 1u);
  EXPECT_TRUE(FindConsensus(*siblings, 0.99, 2).empty());
}

// 0:0 - 1:0 - 2:0 - 0:1: the chain comes back to dictionary 0 by its weakest link, which is cut.
TEST(Consensus, AChainThatComesBackToADictionaryIsCutAtItsWeakestLink) {
  const auto siblings = SiblingMatchings::Make(
      {2, 1, 1},
      {SameOnBothSides({0, -1}, {0.9, 0}), SameOnBothSides({-1, 0}, {0, 0.75}), SameOnBothSides({0}, {0.8})});
  ASSERT_TRUE(siblings.ok());
  const std::vector<ConsensusLatent> consensus = FindConsensus(*siblings, 0.7, 2);
  ASSERT_EQ(consensus.size(), 1u);
  EXPECT_THAT(MembersOf(consensus[0]), ElementsAre(Pair(0, 0), Pair(1, 0), Pair(2, 0)));
  EXPECT_EQ(consensus[0].center.dictionary, 1);
  EXPECT_DOUBLE_EQ(consensus[0].mean_cosine, 0.85);
}

TEST(Consensus, PutsEveryLatentIntoOneGroupAtMostWithOneMemberOfADictionary) {
  SplitMix64 random(5);
  std::vector<Counterparts> pairs;
  for (int pair = 0; pair < 10; ++pair) pairs.push_back(RandomCounterparts(60, &random));
  const auto siblings = SiblingMatchings::Make(std::vector<int64_t>(5, 60), pairs);
  ASSERT_TRUE(siblings.ok());
  std::set<std::pair<int32_t, int32_t>> seen;
  for (const ConsensusLatent& latent : FindConsensus(*siblings, 0.5, 2)) {
    std::set<int32_t> dictionaries;
    for (const auto& member : MembersOf(latent)) {
      EXPECT_TRUE(seen.insert(member).second);
      EXPECT_TRUE(dictionaries.insert(member.first).second);
    }
  }
  EXPECT_GT(seen.size(), 100u);
}

}  // namespace
}  // namespace seedbed
