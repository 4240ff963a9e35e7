// Whether a sweep can be trained, as far as that shows without reading the model or the tokens.
#ifndef SEEDBED_SERVER_SCHEDULER_SWEEP_VALIDATION_H_
#define SEEDBED_SERVER_SCHEDULER_SWEEP_VALIDATION_H_

#include <cstdint>
#include <vector>

#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/violations.h"

namespace seedbed {

// Runs in one sweep.
inline constexpr int64_t kMostRuns = 10'000;

struct ValidatedSweep {
  v1::SweepSpec spec;                     // With the defaults of sweep_defaults.h, where nothing is wrong.
  std::vector<SpecViolation> violations;  // Everything that is wrong, not the first alone. Empty = valid.
};

ValidatedSweep ValidateSweep(v1::SweepSpec spec);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SWEEP_VALIDATION_H_
