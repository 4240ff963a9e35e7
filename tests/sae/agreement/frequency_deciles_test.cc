#include "sae/agreement/frequency_deciles.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/agreement/matchings.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

// Latent i has cosine i / 100 and fires the more often the lower it is; the last five never do.
TEST(FrequencyDeciles, AreTenthsOfTheLatentsThatFireFromTheRarestOn) {
  std::vector<int32_t> counterpart;
  std::vector<double> cosine, frequencies;
  for (int32_t i = 0; i < 45; ++i) {
    counterpart.push_back(i);
    cosine.push_back(i / 100.0);
    frequencies.push_back(i < 40 ? (40 - i) / 100.0 : 0);
  }
  const auto deciles = FrequencyDeciles(SameOnBothSides(counterpart, cosine), frequencies, 0.38);
  ASSERT_TRUE(deciles.ok()) << deciles.status();
  ASSERT_EQ(deciles->size(), 10u);
  EXPECT_EQ((*deciles)[0].latents, 4);
  EXPECT_DOUBLE_EQ((*deciles)[0].least_frequency, 0.01);
  EXPECT_DOUBLE_EQ((*deciles)[0].largest_frequency, 0.04);
  EXPECT_DOUBLE_EQ((*deciles)[0].mean_decoder_cosine, (0.36 + 0.37 + 0.38 + 0.39) / 4);
  EXPECT_DOUBLE_EQ((*deciles)[0].shared_strict, 0.5);
  EXPECT_DOUBLE_EQ((*deciles)[0].shared_aligned, 0.25);
  EXPECT_DOUBLE_EQ((*deciles)[0].encoder_decoder_equal, 1);
  EXPECT_DOUBLE_EQ((*deciles)[9].largest_frequency, 0.4);
  EXPECT_DOUBLE_EQ((*deciles)[9].shared_strict, 0);
}

TEST(FrequencyDeciles, AreAsManyAsThereAreLatentsThatFire) {
  const Counterparts pair = SameOnBothSides({0, 1, 2}, {0.1, 0.2, 0.3});
  EXPECT_EQ(FrequencyDeciles(pair, {0, 0.5, 0.25}, 0.7)->size(), 2u);
  EXPECT_TRUE(FrequencyDeciles(pair, {0, 0, 0}, 0.7)->empty());
}

TEST(FrequencyDeciles, NameFrequenciesThatAreNone) {
  const Counterparts pair = SameOnBothSides({0, 1}, {0.1, 0.2});
  EXPECT_THAT(std::string(FrequencyDeciles(pair, {0.1}, 0.7).status().message()),
              HasSubstr("1 firing frequencies of 2"));
  EXPECT_THAT(std::string(FrequencyDeciles(pair, {0.1, 1.5}, 0.7).status().message()), HasSubstr("of latent 1 is 1.5"));
}

}  // namespace
}  // namespace seedbed
