#include "server/scheduler/rank_balance.h"

#include "server/scheduler/stream_shape.h"

namespace seedbed {
namespace {

// What the most loaded rank has of `pieces`, as a fraction of all.
double LargestShare(int pieces, int ranks) { return static_cast<double>((pieces + ranks - 1) / ranks) / pieces; }

}  // namespace

double FlopsOfSlowestRank(const GangWork& work, int ranks) {
  return work.model_flops * LargestShare(kBlockMicroBatches, ranks) + work.steps_flops * LargestShare(work.runs, ranks);
}

int BalancedRanks(const GangWork& work, int most) {
  if (!work.known()) return most;
  int best = 1;
  for (int ranks = 2; ranks <= most; ++ranks) {
    if (FlopsOfSlowestRank(work, ranks) < FlopsOfSlowestRank(work, best)) best = ranks;
  }
  return best;
}

}  // namespace seedbed
