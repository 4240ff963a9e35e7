// Fills in what a sweep leaves out, with the defaults that sweep.proto documents.
#ifndef SEEDBED_SERVER_SCHEDULER_SWEEP_DEFAULTS_H_
#define SEEDBED_SERVER_SCHEDULER_SWEEP_DEFAULTS_H_

#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/stream_shape.h"

namespace seedbed {

// Those that are constants.
void FillConstantDefaults(v1::SweepSpec& spec);

// Those that follow from the size of the stream: normalize_rows, where rows are normalised. The sweep must be valid.
// What stays absent has its default in each run (sae_defaults.h), or, as the ranks, follows from what is free.
void FillDerivedDefaults(const StreamShape& shape, v1::SweepSpec& spec);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SWEEP_DEFAULTS_H_
