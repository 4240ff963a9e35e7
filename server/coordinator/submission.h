// From a submitted sweep to the event that accepts it.
#ifndef SEEDBED_SERVER_COORDINATOR_SUBMISSION_H_
#define SEEDBED_SERVER_COORDINATOR_SUBMISSION_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "seedbed/v1/coordinator.pb.h"
#include "seedbed/v1/event.pb.h"
#include "server/scheduler/packing.h"

namespace seedbed {

// INVALID_ARGUMENT, with a field violation ("spec.sae.k[1]") for everything that is wrong. As many of them as fit in
// the status of an RPC; the last one counts the rest.
absl::StatusOr<v1::SweepSubmitted> AcceptSweep(const v1::SubmitSweepRequest& request, absl::string_view sweep_id,
                                               const PackingOptions& packing);

// Answers a request that was only to be validated.
v1::SubmitSweepResponse DescribeSubmission(v1::SweepSubmitted accepted);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_SUBMISSION_H_
