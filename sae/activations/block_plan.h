// Which micro-batches make a harvest block, and which of them a rank runs. Pure arithmetic.
#ifndef SEEDBED_SAE_ACTIVATIONS_BLOCK_PLAN_H_
#define SEEDBED_SAE_ACTIVATIONS_BLOCK_PLAN_H_

#include <cstdint>

#include "sae/activations/stream_config.h"

namespace seedbed {

struct MicroBatchRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

// Immutable.
class BlockPlan {
 public:
  explicit BlockPlan(const StreamConfig& config);

  int64_t micro_batches() const { return micro_batches_; }
  int64_t blocks() const;

  // The last block may be shorter.
  MicroBatchRange Block(int64_t block) const;

  // Ranks 0, 1, ... have consecutive shares that make up the block, so that what they harvest, taken in rank order, is
  // the same for every number of ranks. A share may be empty.
  MicroBatchRange ShareOf(int64_t block, int rank, int world_size) const;

 private:
  int64_t micro_batches_;
  int64_t block_micro_batches_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_BLOCK_PLAN_H_
