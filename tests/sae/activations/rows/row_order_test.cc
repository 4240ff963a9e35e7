#include "sae/activations/rows/row_order.h"

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/stream_seeds.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;

std::vector<int64_t> Take(RowOrder& order, int count) {
  std::vector<int64_t> rows;
  for (int i = 0; i < count; ++i) rows.push_back(order.Next());
  return rows;
}

TEST(RowOrderTest, EveryEpochIsItsOwnPermutation) {
  RowOrder order(100, 1, 7);
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    const Permutation permutation(100, EpochOrderSeed(7, epoch));
    const std::vector<int64_t> rows = Take(order, 100);
    for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(rows[i], static_cast<int64_t>(permutation.At(i))) << epoch << " " << i;
  }
}

TEST(RowOrderTest, EpochsDiffer) {
  RowOrder order(100, 0, 7);
  EXPECT_NE(Take(order, 100), Take(order, 100));
}

TEST(RowOrderTest, WithoutASeedRowsComeAsTheyLie) {
  RowOrder order(3, 0, std::nullopt);
  EXPECT_THAT(Take(order, 7), ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST(RowOrderTest, OneRow) {
  RowOrder order(1, 0, 5);
  EXPECT_THAT(Take(order, 3), ElementsAre(0, 0, 0));
}

}  // namespace
}  // namespace seedbed
