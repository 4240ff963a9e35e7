#include "sae/activations/block_plan.h"

#include "gtest/gtest.h"

namespace seedbed {
namespace {

StreamConfig Config(int64_t sequences, int64_t micro_batch_sequences, int64_t block_micro_batches) {
  StreamConfig config;
  config.sequences = sequences;
  config.micro_batch_sequences = micro_batch_sequences;
  config.block_micro_batches = block_micro_batches;
  return config;
}

TEST(BlockPlanTest, LastMicroBatchAndBlockMayBeShort) {
  const BlockPlan plan(Config(21, 4, 4));
  EXPECT_EQ(plan.micro_batches(), 6);
  EXPECT_EQ(plan.blocks(), 2);
  EXPECT_EQ(plan.Block(0).size(), 4);
  EXPECT_EQ(plan.Block(1).begin, 4);
  EXPECT_EQ(plan.Block(1).end, 6);
}

TEST(BlockPlanTest, SharesInRankOrderMakeUpEveryBlock) {
  for (const int64_t sequences : {1, 7, 64, 100}) {
    const BlockPlan plan(Config(sequences, 3, 5));
    for (int world_size = 1; world_size <= 7; ++world_size) {
      for (int64_t block = 0; block < plan.blocks(); ++block) {
        int64_t next = plan.Block(block).begin;
        for (int rank = 0; rank < world_size; ++rank) {
          const MicroBatchRange share = plan.ShareOf(block, rank, world_size);
          EXPECT_EQ(share.begin, next);
          EXPECT_GE(share.size(), 0);
          next = share.end;
        }
        EXPECT_EQ(next, plan.Block(block).end);
      }
    }
  }
}

TEST(BlockPlanTest, SharesDifferByOneMicroBatchAtMost) {
  const BlockPlan plan(Config(8, 1, 8));
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_GE(plan.ShareOf(0, rank, 3).size(), 2);
    EXPECT_LE(plan.ShareOf(0, rank, 3).size(), 3);
  }
}

}  // namespace
}  // namespace seedbed
