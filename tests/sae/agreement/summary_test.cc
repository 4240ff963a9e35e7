#include "sae/agreement/summary.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/agreement/matchings.h"

namespace seedbed {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

auto Near(double value) { return DoubleNear(value, 1e-12); }

PairAgreement Pair(double cosine) {
  PairAgreement pair;
  pair.decoder.mean_cosine = cosine;
  pair.decoder.mmcs_ab = cosine;
  pair.decoder.mmcs_ba = cosine + 0.2;
  return pair;
}

TEST(Summarize, GivesEveryScalarAsMeanDeviationAndValues) {
  const std::vector<int32_t> same = {0, 1, 2, 3};
  const auto siblings = SiblingMatchings::Make(
      {4, 4, 4},
      {SameOnBothSides(same, {1, 1, 0, 0}), SameOnBothSides(same, {1, 0, 1, 0}), SameOnBothSides(same, {1, 0, 0, 0})});
  const AgreementSummary summary = Summarize({Pair(0.2), Pair(0.4), Pair(0.9)}, *siblings, 0.7);
  EXPECT_THAT(summary.decoder_mean_cosine.values, ElementsAre(0.2, 0.4, 0.9));
  EXPECT_THAT(summary.decoder_mean_cosine.mean, Near(0.5));
  EXPECT_THAT(summary.decoder_mean_cosine.sd, Near(std::sqrt((0.09 + 0.01 + 0.16) / 2)));
  EXPECT_THAT(summary.mmcs.values, ElementsAre(Near(0.3), Near(0.5), Near(1.0)));
  // In all three: latent 0 of each. In two: 1 and 2 of the first, 1 of the second, 2 of the third.
  EXPECT_THAT(summary.sharing_counts, ElementsAre(Near(5.0 / 3), Near(4.0 / 3), Near(1)));
  ASSERT_EQ(summary.unique_fraction_by_seeds.size(), 3u);
  EXPECT_EQ(summary.unique_fraction_by_seeds[0].mean, 1);
  EXPECT_THAT(summary.unique_fraction_by_seeds[2].mean, Near((1.0 / 4 + 2.0 / 4 + 2.0 / 4) / 3));
}

TEST(Summarize, DictionariesOfUnequalWidth) {
  const auto siblings = SiblingMatchings::Make({1, 4}, {SameOnBothSides({1}, {0.9})});
  const AgreementSummary summary = Summarize({Pair(0.25)}, *siblings, 0.7);
  EXPECT_EQ(summary.decoder_mean_cosine.sd, 0);
  EXPECT_THAT(summary.sharing_counts, ElementsAre(Near(1.5), Near(1)));
  EXPECT_THAT(summary.unique_fraction_by_seeds[1].mean, Near(0.375));
}

}  // namespace
}  // namespace seedbed
