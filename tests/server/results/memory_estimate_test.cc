#include "server/results/memory_estimate.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kGib = int64_t{1} << 30;

// float32 encoder and decoder rows.
v1::Agreement Set(int dictionaries, int64_t latents, int64_t d) {
  v1::Agreement request;
  for (int i = 0; i < dictionaries; ++i) {
    v1::Dictionary* dictionary = request.add_dictionaries();
    dictionary->set_latents(latents);
    dictionary->set_weight_bytes(2 * latents * d * 4);
  }
  return request;
}

TEST(EstimateMemoryTest, IsNoneWhereASizeIsNotKnown) {
  v1::Agreement request = Set(3, 512, 64);
  EXPECT_TRUE(EstimateMemory(request).has_value());
  request.mutable_dictionaries(1)->clear_weight_bytes();
  EXPECT_FALSE(EstimateMemory(request).has_value());
  request = Set(3, 512, 64);
  request.mutable_dictionaries(2)->clear_latents();
  EXPECT_FALSE(EstimateMemory(request).has_value());
}

TEST(EstimateMemoryTest, GrowsWithTheSetOnlyWhereAllIsCached) {
  const MemoryNeed three = *EstimateMemory(Set(3, 131072, 1024));
  const MemoryNeed nine = *EstimateMemory(Set(9, 131072, 1024));
  EXPECT_GE(three.with_all_cached, 3 * kGib);
  EXPECT_GE(nine.with_all_cached, 9 * kGib);
  EXPECT_EQ(three.largest_pair, nine.largest_pair);
  EXPECT_GE(three.largest_pair, 2 * kGib + kGib / 4) << "two dictionaries and the int8 rows of one side";
  EXPECT_LT(three.largest_pair, 4 * kGib);
}

TEST(PlanMemoryTest, ComputesAtOncePairByPairOrNotAtAll) {
  const v1::Agreement request = Set(9, 131072, 1024);
  const MemoryNeed need = *EstimateMemory(request);
  const MemoryPlan at_once = PlanMemory(request, need.with_all_cached);
  EXPECT_FALSE(at_once.pair_by_pair);
  EXPECT_EQ(at_once.bytes, need.with_all_cached);
  EXPECT_GT(at_once.cached_bytes, 9 * kGib);
  EXPECT_TRUE(at_once.refusal.empty());
  const MemoryPlan in_pairs = PlanMemory(request, need.with_all_cached - 1);
  EXPECT_TRUE(in_pairs.pair_by_pair);
  EXPECT_EQ(in_pairs.bytes, std::max(need.largest_pair, need.from_stored_pairs));
  EXPECT_EQ(in_pairs.cached_bytes, 0);
  EXPECT_TRUE(in_pairs.refusal.empty());
  const MemoryPlan never = PlanMemory(request, kGib);
  EXPECT_THAT(never.refusal, AllOf(HasSubstr("MiB at once"), HasSubstr("--memory-mib allows 1024")));
}

TEST(PlanMemoryTest, WhatIsNotKnownHasAllTheMemory) {
  v1::Agreement request = Set(2, 512, 64);
  request.mutable_dictionaries(0)->clear_weight_bytes();
  const MemoryPlan plan = PlanMemory(request, kGib);
  EXPECT_EQ(plan.bytes, kGib);
  EXPECT_EQ(plan.most_bytes, kGib);
  EXPECT_TRUE(plan.refusal.empty());
}

}  // namespace
}  // namespace seedbed
