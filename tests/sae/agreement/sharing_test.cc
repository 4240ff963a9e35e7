#include "sae/agreement/sharing.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/agreement/matchings.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;

SiblingMatchings RandomSiblings(int64_t dictionaries, int64_t latents, uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<Counterparts> pairs;
  for (int64_t pair = 0; pair < dictionaries * (dictionaries - 1) / 2; ++pair) {
    pairs.push_back(RandomCounterparts(latents, &random));
  }
  return *SiblingMatchings::Make(std::vector<int64_t>(static_cast<size_t>(dictionaries), latents), std::move(pairs));
}

// Latent 0 is in all three, latent 1 of dictionary 0 in dictionary 1, the rest in one alone.
SiblingMatchings ThreeSiblings() {
  return *SiblingMatchings::Make(
      {3, 3, 3}, {SameOnBothSides({0, 1, 2}, {0.9, 0.8, 0.1}), SameOnBothSides({0, 1, 2}, {0.9, 0.2, 0.1}),
                  SameOnBothSides({0, 1, 2}, {0.9, 0.3, 0.1})});
}

TEST(SharingCounts, CountTheDictionariesThatALatentIsFoundIn) {
  const SiblingMatchings siblings = ThreeSiblings();
  EXPECT_THAT(SharingCounts(siblings, 0, 0.7), ElementsAre(1, 1, 1));
  EXPECT_THAT(SharingCounts(siblings, 1, 0.7), ElementsAre(1, 1, 1));
  EXPECT_THAT(SharingCounts(siblings, 2, 0.7), ElementsAre(2, 0, 1));
  EXPECT_THAT(SharingCounts(siblings, 2, 0), ElementsAre(0, 0, 3));
}

TEST(UniqueFractions, AreThoseOfEverySubset) {
  const std::vector<UniqueFraction> fractions = UniqueFractions(ThreeSiblings(), 0.7);
  ASSERT_EQ(fractions.size(), 3u);
  EXPECT_EQ(fractions[0].mean, 1);
  EXPECT_EQ(fractions[0].sd, 0);
  // Of 0 in {0, 1}: 1/3 and in {0, 2}: 2/3; of 1 likewise; of 2 twice 2/3.
  EXPECT_DOUBLE_EQ(fractions[1].mean, (2 * (1.0 / 3 + 2.0 / 3) + 2 * 2.0 / 3) / 6);
  EXPECT_DOUBLE_EQ(fractions[1].least, 1.0 / 3);
  EXPECT_DOUBLE_EQ(fractions[1].largest, 2.0 / 3);
  EXPECT_NEAR(fractions[1].sd, std::sqrt((2.0 * 1 + 4.0 * 4) / 9 / 6 - std::pow(10.0 / 18, 2)), 1e-12);
  EXPECT_DOUBLE_EQ(fractions[2].mean, (1.0 / 3 + 1.0 / 3 + 2.0 / 3) / 3);
}

// By going over every subset of every dictionary.
TEST(UniqueFractions, EqualBruteForce) {
  constexpr int64_t kDictionaries = 5;
  const SiblingMatchings siblings = RandomSiblings(kDictionaries, 40, 7);
  const std::vector<UniqueFraction> fractions = UniqueFractions(siblings, 0.6);
  std::vector<double> sums(kDictionaries, 0);
  std::vector<double> counts(kDictionaries, 0);
  for (int64_t dictionary = 0; dictionary < kDictionaries; ++dictionary) {
    for (unsigned subset = 0; subset < 1u << kDictionaries; ++subset) {
      if ((subset >> dictionary & 1) == 0) continue;
      double unique = 0;
      for (int64_t latent = 0; latent < 40; ++latent) {
        bool found = false;
        for (int64_t other = 0; other < kDictionaries; ++other) {
          if (other == dictionary || (subset >> other & 1) == 0) continue;
          found = found || siblings.Of(dictionary, other).Strict(latent, 0.6);
        }
        unique += found ? 0 : 1;
      }
      const auto size = static_cast<size_t>(__builtin_popcount(subset)) - 1;
      sums[size] += unique / 40;
      counts[size] += 1;
    }
  }
  for (size_t size = 0; size < sums.size(); ++size) {
    EXPECT_NEAR(fractions[size].mean, sums[size] / counts[size], 1e-12) << size;
  }
}

// Of 17 dictionaries subsets are drawn; the mean over all of them is known from how many others each latent is in.
TEST(UniqueFractions, OfManyDictionariesAreNearTheMeanOverAllSubsets) {
  constexpr int64_t kDictionaries = kMostEnumerated + 1;
  const SiblingMatchings siblings = RandomSiblings(kDictionaries, 30, 3);
  const std::vector<UniqueFraction> fractions = UniqueFractions(siblings, 0.9);
  ASSERT_EQ(static_cast<int64_t>(fractions.size()), kDictionaries);
  EXPECT_EQ(fractions[0].mean, 1);
  for (int64_t size : {2, 5, 17}) {
    double expected = 0;
    for (int64_t dictionary = 0; dictionary < kDictionaries; ++dictionary) {
      const std::vector<int64_t> counts = SharingCounts(siblings, dictionary, 0.9);
      for (int64_t found = 0; found < kDictionaries; ++found) {
        double missed = 1;  // That none of size - 1 others is one of the `found`.
        for (int64_t i = 0; i < size - 1; ++i) {
          missed *= std::max(0.0, static_cast<double>(kDictionaries - 1 - found - i)) /
                    static_cast<double>(kDictionaries - 1 - i);
        }
        expected += missed * static_cast<double>(counts[static_cast<size_t>(found)]) / 30 / kDictionaries;
      }
    }
    EXPECT_NEAR(fractions[static_cast<size_t>(size - 1)].mean, expected, 0.01) << size;
  }
}

}  // namespace
}  // namespace seedbed
