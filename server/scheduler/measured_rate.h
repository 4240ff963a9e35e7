// How fast ranks have worked so far.
#ifndef SEEDBED_SERVER_SCHEDULER_MEASURED_RATE_H_
#define SEEDBED_SERVER_SCHEDULER_MEASURED_RATE_H_

#include "server/state/state.h"

namespace seedbed {

// Floating-point operations of a rank in a second, by the estimates of gang_estimate.h: those of the slowest ranks over
// the time of their attempts, each attempt counting half of the one after it. 0 = none was measured yet. What the
// estimates leave out (start, exports, evaluations) is in the time, so a rate is of use for gangs like those before.
double MeasuredRate(const State& state, v1::DeviceKind device);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_MEASURED_RATE_H_
