#include "common/random.h"

#include <array>
#include <limits>
#include <set>

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(SplitMix64Test, GivesTheReferenceValues) {
  // From the authors' splitmix64.c.
  SplitMix64 from_zero(0);
  EXPECT_EQ(from_zero.Next(), 0xE220A8397B1DCDAFull);
  EXPECT_EQ(from_zero.Next(), 0x6E789E6AA1B965F4ull);
  EXPECT_EQ(from_zero.Next(), 0x06C45D188009454Full);
  SplitMix64 other(1234567);
  EXPECT_EQ(other.Next(), 6457827717110365317ull);
  EXPECT_EQ(other.Next(), 3203168211198807973ull);
}

TEST(SplitMix64Test, GoesOnFromItsState) {
  SplitMix64 random(42);
  random.Next();
  SplitMix64 resumed(random.state());
  EXPECT_EQ(random.Next(), resumed.Next());
}

// A change of any of these changes every result that was ever made from a seed.
TEST(DeriveSeedTest, NeverChanges) {
  EXPECT_EQ(MixBits(0), 0xE220A8397B1DCDAFull);
  EXPECT_EQ(DeriveSeed(0, 0), 4007111439069458218ull);
  EXPECT_EQ(DeriveSeed(1, 2), 4626852571372329720ull);
  SplitMix64 random(7);
  EXPECT_EQ(random.Below(1000), 389u);
  EXPECT_EQ(random.Below(3), 0u);
  EXPECT_EQ(random.Below(uint64_t{1} << 63), 8308050873407804673ull);
  EXPECT_DOUBLE_EQ(random.Uniform(), 0.58293029302807808);
}

TEST(DeriveSeedTest, DiffersWithSeedAndPurposeAndTheirOrder) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (uint64_t purpose = 0; purpose < 50; ++purpose) seeds.insert(DeriveSeed(seed, purpose));
  }
  EXPECT_EQ(seeds.size(), 2500u);
}

TEST(BelowTest, StaysInRangeAtTheEdges) {
  SplitMix64 random(3);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(random.Below(1), 0u);
    EXPECT_LT(random.Below(std::numeric_limits<uint64_t>::max()), std::numeric_limits<uint64_t>::max());
    EXPECT_LT(random.Below((uint64_t{1} << 63) + 1), (uint64_t{1} << 63) + 1);
  }
}

TEST(BelowTest, IsUniform) {
  constexpr int kBins = 6, kDraws = 60'000;
  SplitMix64 random(11);
  std::array<int, kBins> counts{};
  for (int i = 0; i < kDraws; ++i) ++counts[random.Below(kBins)];
  double chi_squared = 0;
  const double expected = double{kDraws} / kBins;
  for (const int count : counts) chi_squared += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_squared, 20.5);  // 5 degrees of freedom, p = 0.001.
}

// Plain multiplication or remainder would give the lower third of this bound twice as often.
TEST(BelowTest, IsUnbiasedForABoundThatDoesNotDivide) {
  const uint64_t bound = 3ull << 62;
  SplitMix64 random(5);
  int low = 0;
  constexpr int kDraws = 30'000;
  for (int i = 0; i < kDraws; ++i) low += random.Below(bound) < bound / 3;
  EXPECT_NEAR(low, kDraws / 3, 400);  // Five standard deviations.
}

TEST(UniformTest, StaysBelowOneWithTheMeanOfOneHalf) {
  SplitMix64 random(9);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = random.Uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 0.005);
}

}  // namespace
}  // namespace seedbed
