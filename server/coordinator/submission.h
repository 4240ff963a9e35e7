// From a submitted sweep to the event that accepts it.
#ifndef SEEDBED_SERVER_COORDINATOR_SUBMISSION_H_
#define SEEDBED_SERVER_COORDINATOR_SUBMISSION_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "seedbed/v1/coordinator.pb.h"
#include "seedbed/v1/event.pb.h"
#include "seedbed/v1/inspection.pb.h"
#include "server/scheduler/expansion.h"

namespace seedbed {

// Errors of both: INVALID_ARGUMENT, with a field violation ("spec.sae.k[1]") for everything that is wrong. As many of
// them as fit in the status of an RPC; the last one counts the rest.

// What shows without the sweep's files. Gives the spec with its constant defaults.
absl::StatusOr<v1::SweepSpec> ValidateSubmission(const v1::SubmitSweepRequest& request);

// `spec` is what ValidateSubmission gave; `inspection` what a worker found in its files, nullptr = none has looked. A
// run that does not fit in the memory of a slot is a violation, too.
absl::StatusOr<v1::SweepSubmitted> AcceptSweep(const v1::SubmitSweepRequest& request, const v1::SweepSpec& spec,
                                               const v1::InspectionResult* inspection, absl::string_view sweep_id,
                                               const ExpansionOptions& options);

// UNAVAILABLE, with `field` as a violation: only a worker can say what it means, and none is connected.
absl::Status NeedsWorkerError(absl::string_view field);

// Answers a request that was only to be validated.
v1::SubmitSweepResponse DescribeSubmission(v1::SweepSubmitted accepted);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_SUBMISSION_H_
