// Whether a SweepSubmitted is consistent in itself.
#ifndef SEEDBED_SERVER_STATE_SUBMISSION_CHECK_H_
#define SEEDBED_SERVER_STATE_SUBMISSION_CHECK_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "seedbed/v1/event.pb.h"

namespace seedbed {

// FAILED_PRECONDITION unless the ids count up from 0, every run is QUEUED and belongs to exactly one gang and one
// sibling set, and those list exactly their runs.
absl::Status CheckSubmission(absl::string_view sweep_id, const v1::SweepSubmitted& body);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STATE_SUBMISSION_CHECK_H_
