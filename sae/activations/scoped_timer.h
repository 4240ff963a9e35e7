// Adds up how long something took.
#ifndef SEEDBED_SAE_ACTIVATIONS_SCOPED_TIMER_H_
#define SEEDBED_SAE_ACTIVATIONS_SCOPED_TIMER_H_

#include "absl/cleanup/cleanup.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace seedbed {

// Adds the time until the end of the scope to `*total`. Both outlive the result.
inline auto AddTimeTo(Clock* clock, absl::Duration* total) {
  return absl::Cleanup([clock, total, start = clock->Monotonic()] { *total += clock->Monotonic() - start; });
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SCOPED_TIMER_H_
