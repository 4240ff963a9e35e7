#include "sae/activations/sequences/interleaving.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using Places = std::vector<std::pair<size_t, int64_t>>;

int64_t Sum(const std::vector<int64_t>& lengths) { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }

Places AllOf(const std::vector<int64_t>& lengths) {
  const Interleaving interleaving(lengths);
  Places places;
  for (int64_t i = 0; i < interleaving.size(); ++i) {
    const Interleaving::Place place = interleaving.At(i);
    places.emplace_back(place.list, place.index);
  }
  return places;
}

// The definition: every element, sorted by its time and list.
Places Sorted(const std::vector<int64_t>& lengths) {
  Places places;
  for (size_t j = 0; j < lengths.size(); ++j) {
    for (int64_t k = 0; k < lengths[j]; ++k) places.emplace_back(j, k);
  }
  std::sort(places.begin(), places.end(), [&](const auto& a, const auto& b) {
    const int64_t time_a = (2 * a.second + 1) * lengths[b.first];
    const int64_t time_b = (2 * b.second + 1) * lengths[a.first];
    return std::tie(time_a, a.first) < std::tie(time_b, b.first);
  });
  return places;
}

std::vector<int64_t> RandomLengths(SplitMix64& random) {
  std::vector<int64_t> lengths(1 + random.Below(12));
  for (int64_t& length : lengths) length = static_cast<int64_t>(random.Below(random.Below(2) == 0 ? 4 : 60));
  lengths[0] += 1;
  return lengths;
}

TEST(InterleavingTest, IsWhatItsDefinitionSays) {
  SplitMix64 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::vector<int64_t> lengths = RandomLengths(random);
    ASSERT_EQ(AllOf(lengths), Sorted(lengths)) << testing::PrintToString(lengths);
  }
}

TEST(InterleavingTest, EqualTimesComeInTheOrderOfLists) {
  EXPECT_EQ(AllOf({2, 2, 2}), (Places{{0, 0}, {1, 0}, {2, 0}, {0, 1}, {1, 1}, {2, 1}}));
  // One element each of 63 lists, all in the middle of the long one.
  std::vector<int64_t> lengths(64, 1);
  lengths[63] = 10;
  EXPECT_EQ(AllOf(lengths), Sorted(lengths));
}

TEST(InterleavingTest, OneListIsAsItWas) {
  const Interleaving interleaving({int64_t{1} << 62});
  EXPECT_EQ(interleaving.At((int64_t{1} << 62) - 1).index, (int64_t{1} << 62) - 1);
}

TEST(InterleavingTest, AnEmptyListGivesNothing) { EXPECT_EQ(AllOf({0, 2}), (Places{{1, 0}, {1, 1}})); }

TEST(InterleavingTest, EveryPrefixHasTheProportionsOfTheWhole) {
  SplitMix64 random(2);
  for (int i = 0; i < 300; ++i) {
    const std::vector<int64_t> lengths = RandomLengths(random);
    const auto lists = static_cast<double>(lengths.size());
    std::vector<double> taken(lengths.size(), 0);
    double prefix = 0;
    for (const auto& [list, index] : AllOf(lengths)) {
      taken[list] += 1;
      prefix += 1;
      for (size_t j = 0; j < lengths.size(); ++j) {
        const double share = static_cast<double>(lengths[j]) / static_cast<double>(Sum(lengths));
        ASSERT_LE(std::abs(taken[j] - prefix * share), 0.5 + (lists - 2) / 2 * share + 1e-9)
            << "list " << j << " after " << prefix << " of " << testing::PrintToString(lengths);
      }
    }
  }
}

// Neighbours follow each other as their times say, at sizes at which products take 128 bits.
TEST(InterleavingTest, ReachesLargeLists) {
  const int64_t large = (int64_t{1} << 60) + 12345;
  const std::vector<int64_t> lengths = {large, 3, large - 7};
  const Interleaving interleaving(lengths);
  const auto time = [&](const Interleaving::Place& place) {
    return (2 * static_cast<long double>(place.index) + 1) / (2 * static_cast<long double>(lengths[place.list]));
  };
  SplitMix64 random(3);
  for (int i = 0; i < 1000; ++i) {
    const auto index = static_cast<int64_t>(random.Below(static_cast<uint64_t>(interleaving.size() - 1)));
    const Interleaving::Place here = interleaving.At(index);
    const Interleaving::Place next = interleaving.At(index + 1);
    ASSERT_LE(time(here), time(next)) << index;
    ASSERT_TRUE(here.list != next.list || next.index == here.index + 1) << index;
  }
  EXPECT_EQ(interleaving.At(0).index, 0);
  const Interleaving::Place last = interleaving.At(interleaving.size() - 1);
  EXPECT_EQ(last.index, lengths[last.list] - 1);
}

// What a stream is made of must never change: stored results would no longer be comparable.
TEST(InterleavingTest, GivesWhatItAlwaysGave) {
  EXPECT_EQ(AllOf({4, 2, 1}), (Places{{0, 0}, {1, 0}, {0, 1}, {2, 0}, {0, 2}, {1, 1}, {0, 3}}));
}

}  // namespace
}  // namespace seedbed
