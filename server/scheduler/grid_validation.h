// Whether a sweep's grid is one of SAEs that can be trained.
#ifndef SEEDBED_SERVER_SCHEDULER_GRID_VALIDATION_H_
#define SEEDBED_SERVER_SCHEDULER_GRID_VALIDATION_H_

#include <cstdint>

#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/violations.h"

namespace seedbed {

// Runs in one sweep.
inline constexpr int64_t kMostRuns = 10'000;
inline constexpr int64_t kMostLatents = 1'048'576;

// The least of sae.latents, each taken as at least 1; kMostLatents where there is none.
int64_t NarrowestLatents(const v1::SaeGrid& grid);

// Whether one of sae.architectures keeps k latents, or has a penalty.
bool AnyKeepsK(const v1::SaeGrid& grid);
bool AnyHasPenalty(const v1::SaeGrid& grid);

// Every axis by itself and with the others. What decides nothing in the grid must be absent.
void CheckGrid(const v1::SaeGrid& grid, ViolationList& violations);

// Whether transcoders differ, each in its two ends and from the others. Names count as they stand, so it is asked again
// once they are canonical.
void CheckTranscoders(const v1::SaeGrid& grid, ViolationList& violations);

// Whether the grid makes more runs than kMostRuns.
void CheckRunCount(const v1::SaeGrid& grid, ViolationList& violations);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_GRID_VALIDATION_H_
