#include "sae/activations/block_plan.h"

#include <algorithm>

namespace seedbed {
namespace {

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

BlockPlan::BlockPlan(const StreamConfig& config)
    : micro_batches_(CeilDivide(config.sequences, config.micro_batch_sequences)),
      block_micro_batches_(config.block_micro_batches) {}

int64_t BlockPlan::blocks() const { return CeilDivide(micro_batches_, block_micro_batches_); }

MicroBatchRange BlockPlan::Block(int64_t block) const {
  const int64_t begin = block * block_micro_batches_;
  return {begin, std::min(begin + block_micro_batches_, micro_batches_)};
}

MicroBatchRange BlockPlan::ShareOf(int64_t block, int rank, int world_size) const {
  const MicroBatchRange whole = Block(block);
  return {whole.begin + rank * whole.size() / world_size, whole.begin + (rank + 1) * whole.size() / world_size};
}

}  // namespace seedbed
