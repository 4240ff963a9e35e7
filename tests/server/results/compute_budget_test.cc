#include "server/results/compute_budget.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(ComputeBudgetTest, SetsThatStartTogetherHaveEquallyManyCores) {
  ComputeBudget budget(8, 100, 4);
  EXPECT_EQ(budget.CoresForNext(1), 8) << "alone it has all";
  EXPECT_EQ(budget.CoresForNext(3), 2);
  EXPECT_EQ(budget.CoresForNext(9), 2) << "no more than four run at once";
  EXPECT_EQ(budget.CoresForNext(0), 0);
}

TEST(ComputeBudgetTest, WaitsForACoreAndForARoom) {
  ComputeBudget budget(2, 100, 3);
  budget.Take(2, 60);
  EXPECT_EQ(budget.CoresForNext(1), 0);
  EXPECT_FALSE(budget.HasRoomFor(41));
  EXPECT_TRUE(budget.HasRoomFor(40));
  budget.GiveBack(2, 60);
  EXPECT_EQ(budget.CoresForNext(1), 2);
  EXPECT_TRUE(budget.HasRoomFor(100));
}

TEST(ComputeBudgetTest, FewerCoresThanSetsIsOneCoreEach) {
  ComputeBudget budget(2, 100, 4);
  EXPECT_EQ(budget.CoresForNext(4), 1);
  budget.Take(1, 0);
  budget.Take(1, 0);
  EXPECT_EQ(budget.CoresForNext(2), 0);
}

TEST(ComputeBudgetTest, NoMoreSetsThanAllowed) {
  ComputeBudget budget(8, 100, 1);
  budget.Take(1, 0);
  EXPECT_EQ(budget.CoresForNext(1), 0);
}

}  // namespace
}  // namespace seedbed
