// Which rank trains which run.
#ifndef SEEDBED_WORKER_TRAINER_DEAL_H_
#define SEEDBED_WORKER_TRAINER_DEAL_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// Deals runs of these costs to ranks: longest first, each to the rank with the least so far (Graham 1969, "LPT"). Ties
// go to the earlier run and to the lower rank. Gives the rank of each run.
std::vector<int> DealRuns(const std::vector<int64_t>& costs, int world_size);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_DEAL_H_
