// Whether the part of a sweep that decides its stream can be read.
#ifndef SEEDBED_SERVER_SCHEDULER_STREAM_VALIDATION_H_
#define SEEDBED_SERVER_SCHEDULER_STREAM_VALIDATION_H_

#include <cstdint>

#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/violations.h"

namespace seedbed {

// Tokens, or rows of a folder, that a stream may have. Times the most epochs it still fits in 63 bits.
inline constexpr int64_t kMostTokens = 100'000'000'000'000;

// model, data and activations, with their constant defaults filled in.
void CheckStream(const v1::SweepSpec& spec, ViolationList& violations);

// Whether every token file of a mixture gives at least one sequence. CheckStream must have found nothing.
void CheckMixture(const v1::SweepSpec& spec, ViolationList& violations);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_STREAM_VALIDATION_H_
