#include "sae/match/best_of_each.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;

std::vector<int32_t> IndicesOf(const std::vector<Scored>& best) {
  std::vector<int32_t> indices;
  for (const Scored& scored : best) indices.push_back(scored.index);
  return indices;
}

TEST(BestOfEachTest, KeepsAllWhileThereAreFew) {
  BestOfEach best(2, 3, 10);
  best.Offer(1, -0.5f, 7);
  best.Offer(1, 0.5f, 2);
  EXPECT_EQ(best.threshold(1), -std::numeric_limits<float>::infinity());
  EXPECT_THAT(IndicesOf(best.Finish(1)), ElementsAre(2, 7));
  EXPECT_THAT(best.Finish(0), ElementsAre());
}

TEST(BestOfEachTest, KeepsTheBestInWhateverOrderTheyCome) {
  SplitMix64 random(1);
  std::vector<Scored> offers;
  for (int32_t i = 0; i < 200; ++i) offers.push_back({static_cast<float>(random.Uniform() - 0.5), i});
  std::vector<Scored> sorted = offers;
  std::sort(sorted.begin(), sorted.end(), [](const Scored& a, const Scored& b) { return a.score > b.score; });
  for (int repeat = 0; repeat < 5; ++repeat) {
    for (size_t i = offers.size(); i > 1; --i) std::swap(offers[i - 1], offers[random.Below(i)]);
    BestOfEach best(1, 7, 200);
    for (const Scored& offer : offers) best.Offer(0, offer.score, offer.index);
    const std::vector<Scored> kept = best.Finish(0);
    ASSERT_EQ(kept.size(), 7);
    for (size_t k = 0; k < 7; ++k) {
      EXPECT_EQ(kept[k].index, sorted[k].index);
      EXPECT_EQ(kept[k].score, sorted[k].score);
    }
    EXPECT_EQ(best.threshold(0), sorted[6].score);
  }
}

TEST(BestOfEachTest, OfEqualScoresTheFollowingIndicesAreTheBest) {
  for (const float score : {0.25f, 0.0f, -1.0f}) {
    BestOfEach best(2, 3, 5, /*first_row=*/8);
    for (const int32_t index : {4, 2, 0, 3, 1}) {
      best.Offer(0, score, index);
      best.Offer(1, score, index);
    }
    EXPECT_THAT(IndicesOf(best.Finish(0)), ElementsAre(3, 4, 0)) << "row 8 of 5";
    EXPECT_THAT(IndicesOf(best.Finish(1)), ElementsAre(4, 0, 1));
    best.Clear(1);
    for (int32_t index = 0; index < 5; ++index) best.Offer(0, score, index);
    EXPECT_THAT(IndicesOf(best.Finish(0)), ElementsAre(1, 2, 3));
  }
}

TEST(BestOfEachTest, TheZerosAreEqual) {
  BestOfEach best(1, 1, 3);
  best.Offer(0, 0.0f, 2);
  best.Offer(0, -0.0f, 1);
  EXPECT_THAT(IndicesOf(best.Finish(0)), ElementsAre(1));
}

TEST(BestOfEachTest, KeepsNothingBelowARaisedThreshold) {
  BestOfEach best(1, 2, 9);
  best.RaiseThreshold(0, 0.5f);
  for (const int32_t index : {1, 2, 3, 4, 5}) best.Offer(0, 0.1f * static_cast<float>(index), index);
  EXPECT_THAT(IndicesOf(best.Finish(0)), ElementsAre(5));
  EXPECT_EQ(best.threshold(0), 0.5f);
}

}  // namespace
}  // namespace seedbed
