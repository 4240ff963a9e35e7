// How a sweep ended: its runs, their agreement, where the exports lie, and whether that is a success. Pure.
#ifndef SEEDBED_CLIENT_OUTCOME_H_
#define SEEDBED_CLIENT_OUTCOME_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "seedbed/v1/coordinator.pb.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

struct SweepOutcome {
  seedbed::v1::Sweep sweep;
  seedbed::v1::ListRunsResponse runs;
  seedbed::v1::ListAgreementsResponse agreements;
};

// Ids of the sibling sets with two or more runs that succeeded.
std::set<std::string> ExpectedAgreements(const SweepOutcome& outcome);

// Agreements, exports and a last line that counts.
std::string FormatOutcome(const SweepOutcome& outcome);

// {"sweep": ..., "runs": [...], "agreements": [...]}, each as the protobuf's JSON.
std::string OutcomeToJson(const SweepOutcome& outcome);

// The last lines that failed runs logged, once for each failure. None for a user's error, whose message says it all.
std::string FormatLogTails(const SweepOutcome& outcome);

// OK when every run succeeded and every agreement that is expected is there. Otherwise ABORTED with one line.
absl::Status OutcomeStatus(const SweepOutcome& outcome);

}  // namespace seedbed

#endif  // SEEDBED_CLIENT_OUTCOME_H_
