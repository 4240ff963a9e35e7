#include "sae/activations/permutation.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

std::vector<uint64_t> AllOf(const Permutation& permutation) {
  std::vector<uint64_t> values;
  for (uint64_t i = 0; i < permutation.size(); ++i) values.push_back(permutation.At(i));
  return values;
}

TEST(PermutationTest, IsABijectionOfEverySize) {
  for (const uint64_t size : {1, 2, 3, 5, 16, 17, 255, 256, 257, 1000, 65537}) {
    for (const uint64_t key : {0, 1, 2}) {
      std::vector<bool> seen(size, false);
      for (const uint64_t value : AllOf(Permutation(size, key))) {
        ASSERT_LT(value, size);
        ASSERT_FALSE(seen[value]) << value << " twice, size " << size;
        seen[value] = true;
      }
    }
  }
}

TEST(PermutationTest, KeyDecidesTheOrder) {
  EXPECT_EQ(AllOf(Permutation(500, 7)), AllOf(Permutation(500, 7)));
  EXPECT_NE(AllOf(Permutation(500, 7)), AllOf(Permutation(500, 8)));
}

// Every one of the 6 permutations of 3 values should come from a sixth of the keys.
TEST(PermutationTest, TinyRangesAreMixedEvenly) {
  constexpr int kKeys = 6000;
  std::vector<int> counts(27, 0);
  for (uint64_t key = 0; key < kKeys; ++key) {
    const std::vector<uint64_t> order = AllOf(Permutation(3, key));
    ++counts[9 * order[0] + 3 * order[1] + order[2]];
  }
  for (const int index : {5, 7, 11, 15, 19, 21}) EXPECT_NEAR(counts[index], kKeys / 6, 150) << index;
}

TEST(PermutationTest, NeighboursLandFarApart) {
  constexpr uint64_t kSize = 100'000;
  const Permutation permutation(kSize, 3);
  double distance = 0;
  for (uint64_t i = 0; i + 1 < kSize; ++i) {
    distance += std::abs(static_cast<double>(permutation.At(i)) - static_cast<double>(permutation.At(i + 1)));
  }
  // Two uniform draws of [0, n) are n / 3 apart on average.
  EXPECT_NEAR(distance / kSize, kSize / 3.0, 0.02 * kSize);
}

TEST(PermutationTest, ReachesLargeRanges) {
  const uint64_t size = (uint64_t{1} << 40) + 12345;
  const Permutation permutation(size, 1);
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_LT(permutation.At(size - 1 - i), size);
}

// What a seed gives must never change: stored results would no longer be comparable.
TEST(PermutationTest, GivesWhatItAlwaysGave) {
  EXPECT_THAT(AllOf(Permutation(10, 42)), ::testing::ElementsAre(4, 0, 5, 9, 6, 2, 8, 3, 7, 1));
}

}  // namespace
}  // namespace seedbed
