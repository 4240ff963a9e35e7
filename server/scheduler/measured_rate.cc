#include "server/scheduler/measured_rate.h"

#include "server/scheduler/gang_estimate.h"

namespace seedbed {

double MeasuredRate(const State& state, v1::DeviceKind device) {
  double flops = 0;
  double seconds = 0;
  for (const WholeAttempt& attempt : state.whole_attempts(device)) {
    flops = flops / 2 + FlopsOfSlowestRank(WorkOf(attempt.work, attempt.runs), attempt.ranks);
    seconds = seconds / 2 + attempt.seconds;
  }
  return seconds > 0 ? flops / seconds : 0;
}

}  // namespace seedbed
