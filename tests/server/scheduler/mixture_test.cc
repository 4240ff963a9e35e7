#include "server/scheduler/mixture.h"

#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Ge;

TEST(DivideSequences, OneFileGetsAll) { EXPECT_THAT(DivideSequences(512, {0.3}), ElementsAre(512)); }

TEST(DivideSequences, FollowsTheWeightsWhateverTheirScale) {
  EXPECT_THAT(DivideSequences(100, {1, 3}), ElementsAre(25, 75));
  EXPECT_THAT(DivideSequences(100, {1e-3, 3e-3}), ElementsAre(25, 75));
}

TEST(DivideSequences, GivesWhatIsLeftToTheLargestRemainders) {
  // Quotas 4.2, 4.2 and 1.6.
  EXPECT_THAT(DivideSequences(10, {0.42, 0.42, 0.16}), ElementsAre(4, 4, 2));
}

TEST(DivideSequences, GivesTiesToTheEarlier) {
  EXPECT_THAT(DivideSequences(2, {1, 1, 1}), ElementsAre(1, 1, 0));
  EXPECT_THAT(DivideSequences(11, {1, 1, 1}), ElementsAre(4, 4, 3));
}

TEST(DivideSequences, FilesMayGetNothing) {
  EXPECT_THAT(DivideSequences(0, {1, 2}), ElementsAre(0, 0));
  EXPECT_THAT(DivideSequences(10, {1e9, 1e-300}), ElementsAre(10, 0));
}

TEST(DivideSequences, AddsUpForHugeStreams) {
  for (const int64_t sequences : {int64_t{50'000'000'000'000}, int64_t{49'999'999'999'999}}) {
    for (int files = 1; files <= 64; ++files) {
      std::vector<double> weights;
      for (int i = 0; i < files; ++i) weights.push_back(1.0 / (i + 3));
      const std::vector<int64_t> shares = DivideSequences(sequences, weights);
      EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), int64_t{0}), sequences);
      EXPECT_THAT(shares, Each(Ge(0)));
    }
  }
}

}  // namespace
}  // namespace seedbed
