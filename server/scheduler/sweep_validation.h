// Whether a sweep can be trained, as far as that shows without reading the model or the tokens.
#ifndef SEEDBED_SERVER_SCHEDULER_SWEEP_VALIDATION_H_
#define SEEDBED_SERVER_SCHEDULER_SWEEP_VALIDATION_H_

#include <vector>

#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/stream_shape.h"
#include "server/scheduler/violations.h"

namespace seedbed {

struct ValidatedSweep {
  v1::SweepSpec spec;                     // With the defaults that are constants.
  std::vector<SpecViolation> violations;  // Everything that is wrong, not the first alone. Empty = valid.
};

// Hookpoints may be names, synonyms and patterns; what they mean, ResolveSweep finds.
ValidatedSweep ValidateSweep(v1::SweepSpec spec);

// Whether a run takes at least one step, and its decay begins before the last.
void CheckSteps(const v1::SweepSpec& spec, const StreamShape& shape, ViolationList& violations);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SWEEP_VALIDATION_H_
