#include "sae/arch/kernels/top_k.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "common/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

struct Selection {
  std::vector<uint32_t> indices;
  std::vector<float> values;
  int64_t positive = 0;
};

Selection Select(const std::vector<float>& pre, const std::vector<float>& bias, int64_t k) {
  const auto n = static_cast<int64_t>(pre.size());
  TopKScratch scratch(n, k);
  Selection selection;
  selection.indices.resize(static_cast<size_t>(k), 12345);
  selection.values.resize(static_cast<size_t>(k), -1);
  selection.positive =
      SelectTopK(pre.data(), bias.data(), n, k, &scratch, selection.indices.data(), selection.values.data());
  return selection;
}

Selection Select(const std::vector<float>& pre, int64_t k) {
  return Select(pre, std::vector<float>(pre.size(), 0.0f), k);
}

// By sorting: largest first, equal ones by index; then ordered as SelectTopK gives them.
Selection Expected(const std::vector<float>& pre, const std::vector<float>& bias, int64_t k) {
  std::vector<float> activations(pre.size());
  for (size_t i = 0; i < pre.size(); ++i) activations[i] = std::max(pre[i] + bias[i], 0.0f);
  std::vector<uint32_t> order(pre.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return activations[a] > activations[b]; });
  order.resize(static_cast<size_t>(k));
  const auto zeros = std::find_if(order.begin(), order.end(), [&](uint32_t i) { return activations[i] == 0; });
  std::sort(order.begin(), zeros);
  Selection selection;
  selection.positive = zeros - order.begin();
  selection.indices = order;
  for (const uint32_t i : order) selection.values.push_back(activations[i]);
  return selection;
}

TEST(SelectTopK, KeepsTheLargestInOrderOfIndex) {
  const Selection selection = Select({0.5f, 3.0f, -1.0f, 2.0f, 4.0f}, 3);
  EXPECT_THAT(selection.indices, ElementsAre(1, 3, 4));
  EXPECT_THAT(selection.values, ElementsAre(3.0f, 2.0f, 4.0f));
  EXPECT_EQ(selection.positive, 3);
}

TEST(SelectTopK, AddsTheBiasBeforeItCompares) { EXPECT_THAT(Select({1, 2, 3}, {5, 0, 0}, 1).indices, ElementsAre(0)); }

TEST(SelectTopK, AmongEqualValuesTheLowerIndexWins) {
  const std::vector<float> equal(100, 1.5f);
  EXPECT_THAT(Select(equal, 4).indices, ElementsAre(0, 1, 2, 3));
  std::vector<float> mixed(100, 1.5f);
  mixed[90] = 2;
  EXPECT_THAT(Select(mixed, 3).indices, ElementsAre(0, 1, 90));
}

TEST(SelectTopK, FillsUpWithTheFirstZerosWhereTooFewArePositive) {
  const Selection selection = Select({-1, 7, -3, 0, 2}, 4);
  EXPECT_EQ(selection.positive, 2);
  EXPECT_THAT(selection.indices, ElementsAre(1, 4, 0, 2));
  EXPECT_THAT(selection.values, ElementsAre(7, 2, 0, 0));
}

TEST(SelectTopK, NothingPositiveGivesTheFirstLatentsAtZero) {
  const Selection selection = Select(std::vector<float>(40, -2.0f), 3);
  EXPECT_EQ(selection.positive, 0);
  EXPECT_THAT(selection.indices, ElementsAre(0, 1, 2));
  EXPECT_THAT(selection.values, ElementsAre(0, 0, 0));
}

TEST(SelectTopK, TheSmallestAndTheLargestFloatsAreOrderedToo) {
  const float denormal = 1e-45f;
  const float huge = 3e38f;
  EXPECT_THAT(Select({huge, denormal, 0, denormal, huge, denormal}, 4).indices, ElementsAre(0, 1, 3, 4));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(Select({1, infinity, 2, infinity}, 2).indices, ElementsAre(1, 3));
}

TEST(SelectTopK, ANanCountsAsZeroWhereverItStands) {
  for (size_t at = 0; at < 37; ++at) {
    for (const float nan : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN()}) {
      std::vector<float> pre(37, 1.0f);
      pre[at] = nan;
      const Selection selection = Select(pre, 37);
      EXPECT_EQ(selection.positive, 36);
      EXPECT_EQ(selection.indices.back(), at);
    }
  }
}

struct Shape {
  int64_t n;
  int64_t k;
};

class SelectTopKSizes : public testing::TestWithParam<Shape> {};

TEST_P(SelectTopKSizes, EqualsSorting) {
  const auto [n, k] = GetParam();
  SplitMix64 random(static_cast<uint64_t>(n * 1000 + k));
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<float> pre(static_cast<size_t>(n)), bias(static_cast<size_t>(n));
    // In some trials few are positive, in some most are tied.
    const double shift = trial % 3 == 0 ? -0.95 : -0.4;
    for (int64_t i = 0; i < n; ++i) {
      pre[i] = static_cast<float>(random.Uniform() + shift);
      if (trial % 4 == 1) pre[i] = static_cast<float>(random.Below(4)) - 1;
      bias[i] = trial % 2 == 0 ? 0 : static_cast<float>(0.1 * random.Uniform());
    }
    const Selection actual = Select(pre, bias, k);
    const Selection expected = Expected(pre, bias, k);
    EXPECT_EQ(actual.positive, expected.positive);
    EXPECT_THAT(actual.indices, ElementsAreArray(expected.indices));
    EXPECT_THAT(actual.values, ElementsAreArray(expected.values));
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, SelectTopKSizes,
                         testing::Values(Shape{1, 1}, Shape{7, 1}, Shape{7, 7}, Shape{33, 16}, Shape{64, 64},
                                         Shape{512, 16}, Shape{513, 32}, Shape{1000, 100}, Shape{1000, 999},
                                         Shape{4608, 32}));

}  // namespace
}  // namespace seedbed
