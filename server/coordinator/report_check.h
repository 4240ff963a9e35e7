// Whether a worker's report makes sense in itself.
#ifndef SEEDBED_SERVER_COORDINATOR_REPORT_CHECK_H_
#define SEEDBED_SERVER_COORDINATOR_REPORT_CHECK_H_

#include "absl/status/status.h"
#include "seedbed/v1/worker.pb.h"

namespace seedbed {

// INVALID_ARGUMENT, naming the field: names and limits of worker.proto, slots that differ, ranks on slots that exist,
// exactly one of result and failure in every outcome.
absl::Status CheckReport(const v1::WorkerReport& report);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_REPORT_CHECK_H_
