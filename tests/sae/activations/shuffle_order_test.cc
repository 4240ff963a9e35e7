#include "sae/activations/shuffle_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

// The rows in the order in which they come out.
std::vector<int64_t> Emitted(int64_t rows, int64_t capacity, uint64_t seed) {
  ShuffleOrder order(rows, capacity, seed);
  std::vector<int64_t> slots(static_cast<size_t>(order.slots()), -1);
  std::vector<int64_t> out;
  for (int64_t row = 0; row < rows; ++row) {
    const ShuffleOrder::Placement placement = order.Place();
    if (placement.emits_before) out.push_back(slots[placement.slot]);
    slots[placement.slot] = row;
  }
  while (order.rows_left_to_drain() > 0) out.push_back(slots[order.Drain()]);
  return out;
}

std::vector<int64_t> InOrder(int64_t rows) {
  std::vector<int64_t> out(static_cast<size_t>(rows));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

TEST(ShuffleOrderTest, EveryRowComesOutOnce) {
  for (const int64_t rows : {1, 2, 10, 1000}) {
    for (const int64_t capacity : {1, 2, 7, 999, 1000, 5000}) {
      std::vector<int64_t> emitted = Emitted(rows, capacity, 3);
      std::sort(emitted.begin(), emitted.end());
      EXPECT_EQ(emitted, InOrder(rows)) << rows << " rows, capacity " << capacity;
    }
  }
}

TEST(ShuffleOrderTest, OneSlotKeepsTheOrder) { EXPECT_EQ(Emitted(100, 1, 9), InOrder(100)); }

TEST(ShuffleOrderTest, ABufferForAllRowsGivesAFairShuffle) {
  constexpr int kSeeds = 6000;
  std::vector<int> first(3, 0);
  for (uint64_t seed = 0; seed < kSeeds; ++seed) ++first[Emitted(3, 100, seed)[0]];
  for (const int count : first) EXPECT_NEAR(count, kSeeds / 3, 200);
}

TEST(ShuffleOrderTest, RowsStayInTheBufferForItsSizeOnAverage) {
  constexpr int64_t kRows = 100'000;
  constexpr int64_t kCapacity = 500;
  const std::vector<int64_t> emitted = Emitted(kRows, kCapacity, 1);
  double delay = 0;
  // Place i of the output is emitted when row i + capacity comes in.
  for (int64_t i = 0; i < kRows / 2; ++i) delay += static_cast<double>(i + kCapacity - emitted[i]);
  EXPECT_NEAR(delay / (kRows / 2), kCapacity, 0.05 * kCapacity);
}

TEST(ShuffleOrderTest, SeedDecidesTheOrder) {
  EXPECT_EQ(Emitted(1000, 100, 5), Emitted(1000, 100, 5));
  EXPECT_NE(Emitted(1000, 100, 5), Emitted(1000, 100, 6));
}

// What a seed gives must never change: stored results would no longer be comparable.
TEST(ShuffleOrderTest, GivesWhatItAlwaysGave) {
  EXPECT_THAT(Emitted(12, 4, 42), ::testing::ElementsAre(2, 0, 1, 6, 5, 3, 8, 9, 7, 11, 10, 4));
}

}  // namespace
}  // namespace seedbed
