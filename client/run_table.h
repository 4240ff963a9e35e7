// Runs with what they measured, one a line.
#ifndef SEEDBED_CLIENT_RUN_TABLE_H_
#define SEEDBED_CLIENT_RUN_TABLE_H_

#include <string>

#include "seedbed/v1/coordinator.pb.h"

namespace seedbed {

// Every run with its state and the latest that is known of it. What was measured on held-out tokens has columns where
// a run has it.
std::string FormatRuns(const seedbed::v1::ListRunsResponse& response);

// The runs that succeeded, with where their dictionaries are, and a line below for each that missed its target L0;
// empty when there are none.
std::string FormatExports(const seedbed::v1::ListRunsResponse& response);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_RUN_TABLE_H_
