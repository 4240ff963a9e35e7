#include "sae/match/summary.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

PairAgreement Pair(double cosine, std::vector<bool> strict_in_a, std::vector<bool> strict_in_b) {
  PairAgreement pair;
  pair.decoder.mean_cosine = cosine;
  pair.decoder.mmcs_ab = cosine;
  pair.decoder.mmcs_ba = cosine + 0.2;
  pair.strict_in_a = std::move(strict_in_a);
  pair.strict_in_b = std::move(strict_in_b);
  return pair;
}

auto Near(double value) { return DoubleNear(value, 1e-12); }

TEST(SummarizeTest, RefusesAWrongNumberOfPairs) {
  const std::vector<PairAgreement> pairs = {Pair(0, {true}, {true}), Pair(0, {true}, {true})};
  EXPECT_THAT(Summarize(pairs, 3).status().message(), HasSubstr("found 2 pairs of 3"));
  EXPECT_THAT(Summarize({}, 1).status().message(), HasSubstr("found 0 pairs of 1"));
}

TEST(SummarizeTest, RefusesSizesThatContradict) {
  const std::vector<PairAgreement> pairs = {Pair(0, {true}, {true}), Pair(0, {true, false}, {true}),
                                            Pair(0, {true}, {true})};
  EXPECT_THAT(Summarize(pairs, 3).status().message(), HasSubstr("dictionary 0 has 1 latents in one pair and 2"));
}

// Three siblings of four latents. Found in, by dictionary and latent (itself counted):
//   0: latent 0 in all three, 1 in 1, 2 in 2, 3 in none other      -> 3 2 2 1
//   1: 0 with 0 and 2, 1 with 0, 2 with 2, 3 with none             -> 3 2 2 1
//   2: 0 with 0 and 1, 1 with 0, 2 with 1, 3 with none             -> 3 2 2 1
TEST(SummarizeTest, ThreeSiblingsByHand) {
  const std::vector<PairAgreement> pairs = {
      Pair(0.2, {true, true, false, false}, {true, true, false, false}),  // (0, 1)
      Pair(0.4, {true, false, true, false}, {true, true, false, false}),  // (0, 2)
      Pair(0.9, {true, false, true, false}, {true, false, true, false}),  // (1, 2)
  };
  const auto summary = Summarize(pairs, 3);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(summary->sharing_counts, ElementsAre(Near(1), Near(2), Near(1)));
  // s = 2: a latent with 2 finders is never unique, with 1 finder in 1 of 2 subsets, with none always:
  // (0 + 1/2 + 1/2 + 1) / 4. s = 3: only the one with no finder.
  EXPECT_THAT(summary->unique_fraction_by_seeds, ElementsAre(Near(1), Near(0.5), Near(0.25)));
  EXPECT_THAT(summary->decoder_mean_cosine.values, ElementsAre(0.2, 0.4, 0.9));
  EXPECT_NEAR(summary->pw_mcc, 0.5, 1e-12);
  EXPECT_NEAR(summary->decoder_mean_cosine.sd, std::sqrt((0.09 + 0.01 + 0.16) / 2), 1e-12);
  EXPECT_THAT(summary->mmcs.values, ElementsAre(Near(0.3), Near(0.5), Near(1.0)));
}

TEST(SummarizeTest, TwoDictionariesHaveNoSpread) {
  const auto summary = Summarize({Pair(0.25, {true, false}, {false, true})}, 2);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->decoder_mean_cosine.sd, 0);
  EXPECT_THAT(summary->sharing_counts, ElementsAre(Near(1), Near(1)));
  EXPECT_THAT(summary->unique_fraction_by_seeds, ElementsAre(Near(1), Near(0.5)));
}

TEST(SummarizeTest, DictionariesOfUnequalSize) {
  const auto summary = Summarize({Pair(0.25, {true}, {false, true, false, false})}, 2);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(summary->sharing_counts, ElementsAre(Near(1.5), Near(1)));
  EXPECT_THAT(summary->unique_fraction_by_seeds, ElementsAre(Near(1), Near(0.375)));
}

// The average over subsets in closed form, against trying every subset, for nine siblings with arbitrary finders.
TEST(SummarizeTest, UniqueFractionEqualsTheMeanOverAllSubsets) {
  constexpr int kDictionaries = 9;
  constexpr int kLatents = 5;
  // found[a][b][i]: whether latent i of a is found in b.
  bool found[kDictionaries][kDictionaries][kLatents] = {};
  std::vector<PairAgreement> pairs;
  for (int a = 0; a < kDictionaries; ++a) {
    for (int b = a + 1; b < kDictionaries; ++b) {
      std::vector<bool> in_a(kLatents), in_b(kLatents);
      for (int i = 0; i < kLatents; ++i) {
        in_a[i] = found[a][b][i] = (a * 7 + b * 3 + i * i) % 4 == 0;
        in_b[i] = found[b][a][i] = (a * 5 + b + i) % 3 == 0;
      }
      pairs.push_back(Pair(0, in_a, in_b));
    }
  }
  const auto summary = Summarize(pairs, kDictionaries);
  ASSERT_TRUE(summary.ok()) << summary.status();
  std::vector<double> unique(kDictionaries + 1, 0), counted(kDictionaries + 1, 0);
  for (int subset = 1; subset < 1 << kDictionaries; ++subset) {
    const int size = __builtin_popcount(subset);
    for (int a = 0; a < kDictionaries; ++a) {
      if ((subset >> a & 1) == 0) continue;
      for (int i = 0; i < kLatents; ++i) {
        bool elsewhere = false;
        for (int b = 0; b < kDictionaries; ++b) elsewhere |= (subset >> b & 1) != 0 && found[a][b][i];
        unique[size] += elsewhere ? 0 : 1;
        counted[size] += 1;
      }
    }
  }
  for (int size = 1; size <= kDictionaries; ++size) {
    EXPECT_NEAR(summary->unique_fraction_by_seeds[size - 1], unique[size] / counted[size], 1e-12) << size;
  }
}

}  // namespace
}  // namespace seedbed
