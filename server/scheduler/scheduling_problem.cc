#include "server/scheduler/scheduling_problem.h"

#include <cmath>

namespace seedbed {

std::optional<int64_t> EstimatedEnd(const SchedulingProblem& problem, const GangWork& work, v1::DeviceKind device,
                                    int ranks) {
  const double rate = problem.flops_per_rank_second[device];
  if (!work.known() || rate <= 0) return std::nullopt;
  const double milliseconds = 1000 * FlopsOfSlowestRank(work, ranks) / rate;
  constexpr double kLongest = 1e15;  // 30,000 years.
  if (!(milliseconds < kLongest)) return std::nullopt;
  return problem.now_unix_ms + static_cast<int64_t>(std::ceil(milliseconds));
}

}  // namespace seedbed
