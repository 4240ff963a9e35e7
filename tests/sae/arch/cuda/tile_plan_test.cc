#include "sae/arch/cuda/tile_plan.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

constexpr int64_t kFloat = 4;

TEST(TilePlan, ABatchThatFitsIsOneTile) {
  EXPECT_EQ(RowsInTile(4096, 4608), 4096);
  EXPECT_EQ(RowsInTile(1, 1), 1);
  EXPECT_EQ(RowsInTile(77, 131072), 77);
}

TEST(TilePlan, ALargeDictionaryHasATileOfAThousandRows) { EXPECT_EQ(RowsInTile(8192, 131072), 1024); }

TEST(TilePlan, TilesStayWithinTheirBytesAndStartAtMultiples) {
  for (const int64_t latents : {1000, 32769, 131072, 1000003}) {
    const int64_t rows = RowsInTile(1 << 20, latents);
    EXPECT_EQ(rows % kTileAlignment, 0) << latents;
    EXPECT_LE(rows * latents * kFloat, kTileBytes) << latents;
    EXPECT_GT((rows + kTileAlignment) * latents * kFloat, kTileBytes) << latents;
  }
}

TEST(TilePlan, ADictionaryThatNoTileFitsHasTheSmallestOne) {
  EXPECT_EQ(RowsInTile(1000, int64_t{1} << 31), kTileAlignment);
  EXPECT_EQ(RowsInTile(100, int64_t{1} << 31), 100);
}

}  // namespace
}  // namespace seedbed
