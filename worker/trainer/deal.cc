#include "worker/trainer/deal.h"

#include <algorithm>
#include <numeric>

namespace seedbed {

std::vector<int> DealRuns(const std::vector<int64_t>& costs, int world_size) {
  std::vector<size_t> longest_first(costs.size());
  std::iota(longest_first.begin(), longest_first.end(), size_t{0});
  std::stable_sort(longest_first.begin(), longest_first.end(), [&](size_t a, size_t b) { return costs[a] > costs[b]; });

  std::vector<int64_t> load(static_cast<size_t>(world_size), 0);
  std::vector<int> rank_of_run(costs.size(), 0);
  for (const size_t run : longest_first) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += costs[run];
    rank_of_run[run] = static_cast<int>(least - load.begin());
  }
  return rank_of_run;
}

}  // namespace seedbed
