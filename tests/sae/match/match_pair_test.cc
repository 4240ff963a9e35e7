#include "sae/match/match_pair.h"

#include <vector>

#include "ATen/ops/cat.h"
#include "ATen/ops/zeros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/agreement/pair_agreement.h"
#include "tests/sae/match/rows.h"

namespace seedbed {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr double kThreshold = 0.7;

DictionaryRows RandomDictionary(int64_t latents, int64_t d, uint64_t seed) {
  return {RandomRows(latents, d, seed), RandomRows(latents, d, seed + 1000)};
}

// A pair's matching and what follows from it.
struct Compared : PairAgreement {
  PairMatching matching;
  std::vector<bool> strict_in_a;
  std::vector<bool> strict_in_b;
};

std::vector<bool> StrictIn(const Counterparts& counterparts, double threshold) {
  std::vector<bool> strict;
  for (int64_t i = 0; i < counterparts.latents(); ++i) strict.push_back(counterparts.Strict(i, threshold));
  return strict;
}

Compared Compare(const DictionaryRows& a, const DictionaryRows& b, double threshold = kThreshold) {
  Compared compared;
  const auto matching = MatchPair(a, b);
  EXPECT_TRUE(matching.ok()) << matching.status();
  if (!matching.ok()) return compared;
  const auto agreement = MeasurePair(*matching, threshold);
  EXPECT_TRUE(agreement.ok()) << agreement.status();
  static_cast<PairAgreement&>(compared) = *agreement;
  compared.matching = *matching;
  compared.strict_in_a = StrictIn(matching->counterparts, threshold);
  compared.strict_in_b = StrictIn(*Inverse(matching->counterparts, matching->latents_b()), threshold);
  return compared;
}

DictionaryRows Reordered(const DictionaryRows& dictionary, const std::vector<int64_t>& order) {
  const at::Tensor index = TensorOf(order, 1, static_cast<int64_t>(order.size())).reshape({-1});
  return {dictionary.decoder.index_select(0, index), dictionary.encoder.index_select(0, index)};
}

void ExpectAllOne(const Compared& pair) {
  for (const SideAgreement& side : {pair.decoder, pair.encoder}) {
    EXPECT_NEAR(side.mean_cosine, 1, 1e-12);
    EXPECT_NEAR(side.mmcs_ab, 1, 1e-12);
    EXPECT_NEAR(side.mmcs_ba, 1, 1e-12);
    EXPECT_EQ(side.max_above_ab, 1);
    EXPECT_EQ(side.max_above_ba, 1);
  }
  EXPECT_TRUE(pair.matching.decoder.certified && pair.matching.encoder.certified);
  EXPECT_EQ(pair.encoder_decoder_equal, 1);
  EXPECT_EQ(pair.shared_strict, 1);
  EXPECT_EQ(pair.shared_aligned, 1);
  EXPECT_THAT(pair.strict_in_a, Each(true));
  EXPECT_THAT(pair.strict_in_b, Each(true));
}

TEST(MatchPairTest, NamesTheSideThatIsWrong) {
  const DictionaryRows dictionary = RandomDictionary(4, 3, 1);
  DictionaryRows lopsided = dictionary;
  lopsided.encoder = RandomRows(5, 3, 2);
  EXPECT_THAT(MatchPair(dictionary, lopsided).status().message(), HasSubstr("second dictionary"));
  DictionaryRows damaged = RandomDictionary(4, 3, 2);
  damaged.encoder[1][1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(MatchPair(dictionary, damaged).status().message(), HasSubstr("encoder: row 1"));
  EXPECT_EQ(MatchPair(dictionary, RandomDictionary(4, 2, 1)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MatchPairTest, APermutedCopyAgreesEntirely) {
  const DictionaryRows dictionary = RandomDictionary(6, 5, 1);
  const Compared pair = Compare(dictionary, Reordered(dictionary, {3, 0, 5, 1, 4, 2}));
  ExpectAllOne(pair);
  ASSERT_THAT(pair.curve, SizeIs(21));
  EXPECT_EQ(pair.curve[0].threshold, 0);
  EXPECT_DOUBLE_EQ(pair.curve[14].threshold, 0.7);
  EXPECT_EQ(pair.curve[20].threshold, 1);
  for (const CurvePoint& point : pair.curve) EXPECT_EQ(point.strict, 1) << point.threshold;
  EXPECT_EQ(pair.curve[19].aligned, 1);
  EXPECT_EQ(pair.curve[20].aligned, 0) << "no cosine is above 1";
}

TEST(MatchPairTest, OneLatent) {
  const DictionaryRows dictionary = RandomDictionary(1, 5, 1);
  ExpectAllOne(Compare(dictionary, dictionary));
  DictionaryRows opposite = dictionary;
  opposite.decoder = dictionary.decoder.neg();
  const Compared pair = Compare(dictionary, opposite);
  EXPECT_NEAR(pair.decoder.mean_cosine, -1, 1e-12);
  EXPECT_NEAR(pair.encoder.mean_cosine, 1, 1e-12);
  EXPECT_EQ(pair.encoder_decoder_equal, 1);
  EXPECT_EQ(pair.shared_strict, 0);
  EXPECT_EQ(pair.curve[0].strict, 0);
}

TEST(MatchPairTest, ZeroRowsAreNeverShared) {
  DictionaryRows dictionary = RandomDictionary(4, 5, 1);
  dictionary.decoder[2].zero_();
  dictionary.encoder[2].zero_();
  const Compared pair = Compare(dictionary, dictionary);
  EXPECT_NEAR(pair.decoder.mean_cosine, 0.75, 1e-12);
  EXPECT_DOUBLE_EQ(pair.shared_strict, 0.75);
  EXPECT_DOUBLE_EQ(pair.shared_aligned, 0.75);
  EXPECT_THAT(pair.strict_in_a, ElementsAre(true, true, false, true));
  EXPECT_TRUE(pair.matching.decoder.certified);
}

// Two equal rows on each side: either matching of them is optimal, and each gives mean cosine 1.
TEST(MatchPairTest, DuplicateRows) {
  const DictionaryRows three = RandomDictionary(3, 5, 1);
  const DictionaryRows dictionary = Reordered(three, {0, 1, 1, 2});
  const Compared pair = Compare(dictionary, dictionary);
  EXPECT_NEAR(pair.decoder.mean_cosine, 1, 1e-12);
  EXPECT_EQ(pair.shared_aligned, 1);
  EXPECT_TRUE(pair.matching.decoder.certified);
  EXPECT_GE(pair.shared_strict, 0.5) << "the rows that are not doubled have one counterpart only";
}

// a and b have the same decoder rows in order 0, 1, 2, 3; the encoder rows of latents 2 and 3 are exchanged in b.
TEST(MatchPairTest, StrictNeedsTheSameCounterpartAndAlignedDoesNot) {
  const DictionaryRows a = RandomDictionary(4, 6, 1);
  DictionaryRows b = a;
  b.encoder = Reordered(a, {0, 1, 3, 2}).encoder;
  const Compared pair = Compare(a, b);
  EXPECT_DOUBLE_EQ(pair.encoder_decoder_equal, 0.5);
  EXPECT_DOUBLE_EQ(pair.shared_strict, 0.5);
  EXPECT_DOUBLE_EQ(pair.shared_aligned, 1);
  EXPECT_THAT(pair.strict_in_a, ElementsAre(true, true, false, false));
  EXPECT_THAT(pair.strict_in_b, ElementsAre(true, true, false, false));
}

// Cosine exactly at the threshold: 3-4-5 triangle, cos = 0.6.
TEST(MatchPairTest, StrictIncludesTheThresholdAndAlignedExcludesIt) {
  const DictionaryRows a = {TensorOf<float>({1, 0}, 1, 2), TensorOf<float>({1, 0}, 1, 2)};
  const DictionaryRows b = {TensorOf<float>({3, 4}, 1, 2), TensorOf<float>({3, -4}, 1, 2)};
  const Compared pair = Compare(a, b, 0.6);
  EXPECT_EQ(pair.shared_strict, 1);
  EXPECT_EQ(pair.shared_aligned, 0);
  EXPECT_EQ(pair.decoder.max_above_ab, 1);
  EXPECT_EQ(Compare(a, b, 0.61).shared_strict, 0);
  EXPECT_EQ(Compare(a, b, 0.59).shared_aligned, 1);
}

TEST(MatchPairTest, FractionsAreOfTheSmallerDictionary) {
  const DictionaryRows small = RandomDictionary(3, 6, 1);
  const DictionaryRows other = RandomDictionary(5, 6, 7);
  const DictionaryRows large = {at::cat({other.decoder, small.decoder}), at::cat({other.encoder, small.encoder})};
  const Compared pair = Compare(small, large);
  EXPECT_EQ(pair.matching.latents_a(), 3);
  EXPECT_EQ(pair.matching.latents_b(), 8);
  EXPECT_NEAR(pair.decoder.mean_cosine, 1, 1e-12);
  EXPECT_EQ(pair.shared_strict, 1);
  EXPECT_EQ(pair.decoder.max_above_ab, 1);
  EXPECT_LT(pair.decoder.max_above_ba, 1);
  EXPECT_THAT(pair.strict_in_b, ElementsAre(false, false, false, false, false, true, true, true));

  const Compared swapped = Compare(large, small);
  EXPECT_EQ(swapped.matching.latents_a(), 8);
  EXPECT_EQ(swapped.shared_strict, 1);
  EXPECT_EQ(swapped.strict_in_a, pair.strict_in_b);
  EXPECT_EQ(swapped.decoder.max_above_ba, 1);
}

TEST(MatchPairTest, IsSymmetric) {
  const DictionaryRows a = RandomDictionary(30, 4, 1);
  const DictionaryRows b = RandomDictionary(30, 4, 2);
  const Compared ab = Compare(a, b);
  const Compared ba = Compare(b, a);
  EXPECT_NEAR(ab.decoder.mean_cosine, ba.decoder.mean_cosine, 1e-12);
  EXPECT_NEAR(ab.decoder.mmcs_ab, ba.decoder.mmcs_ba, 1e-12);
  EXPECT_NEAR(ab.encoder.mmcs_ba, ba.encoder.mmcs_ab, 1e-12);
  EXPECT_EQ(ab.decoder.max_above_ab, ba.decoder.max_above_ba);
  EXPECT_EQ(ab.encoder_decoder_equal, ba.encoder_decoder_equal);
  EXPECT_EQ(ab.shared_strict, ba.shared_strict);
  EXPECT_EQ(ab.strict_in_a, ba.strict_in_b);
  EXPECT_EQ(ab.strict_in_b, ba.strict_in_a);
}

TEST(MatchPairTest, CurveNeverRises) {
  const DictionaryRows a = RandomDictionary(40, 3, 1);
  DictionaryRows b = a;
  b.decoder = a.decoder.add(RandomRows(40, 3, 9));
  const Compared pair = Compare(a, b);
  for (size_t i = 1; i < pair.curve.size(); ++i) {
    EXPECT_LE(pair.curve[i].strict, pair.curve[i - 1].strict);
    EXPECT_LE(pair.curve[i].aligned, pair.curve[i - 1].aligned);
  }
  EXPECT_EQ(pair.curve[14].strict, pair.shared_strict);
  EXPECT_EQ(pair.curve[14].aligned, pair.shared_aligned);
}

}  // namespace
}  // namespace seedbed
