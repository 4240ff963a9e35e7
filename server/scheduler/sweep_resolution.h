// From a valid sweep to one that leaves nothing open, with what a worker found in its files.
#ifndef SEEDBED_SERVER_SCHEDULER_SWEEP_RESOLUTION_H_
#define SEEDBED_SERVER_SCHEDULER_SWEEP_RESOLUTION_H_

#include <string>
#include <vector>

#include "seedbed/v1/inspection.pb.h"
#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/gang_estimate.h"
#include "server/scheduler/stream_shape.h"
#include "server/scheduler/violations.h"

namespace seedbed {

struct ResolvedSweep {
  // Hookpoints by canonical name. Where nothing is wrong, with every default but those that each run has by its
  // architecture's convention (sae_defaults.h).
  v1::SweepSpec spec;
  StreamShape shape;                      // Where nothing is wrong.
  ModelSize model;                        // Zeros where no worker has looked.
  std::vector<SpecViolation> violations;  // Empty = it can be trained.
};

// The field, as "sae.hookpoints[1]", that means nothing before the files were inspected: a pattern or a synonym, an
// exclusion by token, a folder of activations. Empty = there is none.
std::string FieldThatNeedsInspection(const v1::SweepSpec& spec);

// Why the answer of a worker can't be used: nothing to train on, a hookpoint that no model has, a count of rows that no
// stream has. Empty = it can.
std::string InspectionDefect(const v1::InspectionResult& result);

// `spec` is what ValidateSweep gave, `inspection` an answer without defect and error, or nullptr where none of its
// fields needs one.
ResolvedSweep ResolveSweep(v1::SweepSpec spec, const v1::InspectionResult* inspection);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SWEEP_RESOLUTION_H_
