// Fills in what a sweep leaves out, with the defaults that sweep.proto documents.
#ifndef SEEDBED_SERVER_SCHEDULER_SWEEP_DEFAULTS_H_
#define SEEDBED_SERVER_SCHEDULER_SWEEP_DEFAULTS_H_

#include <cstdint>

#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/stream_shape.h"

namespace seedbed {

// Those that are constants.
void FillConstantDefaults(v1::SweepSpec& spec);

// Those that follow from the size of the stream: warm-up, dead_after_tokens and, where rows are normalised,
// normalize_rows. The sweep must be valid. Two stay absent: the learning rate, which follows from each run's latents,
// and the ranks, which follow from what is free.
void FillDerivedDefaults(const StreamShape& shape, v1::SweepSpec& spec);

// sparsify's scaling law: 2e-4 / sqrt(latents / 16384).
double DefaultLearningRate(int64_t latents);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SWEEP_DEFAULTS_H_
