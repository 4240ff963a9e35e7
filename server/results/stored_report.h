// The report of what is stored: what GetReport and GET /report/SWEEP answer with.
#ifndef SEEDBED_SERVER_RESULTS_STORED_REPORT_H_
#define SEEDBED_SERVER_RESULTS_STORED_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/results/results_store.h"

namespace seedbed {

// An HTML page of one or more sweeps. INVALID_ARGUMENT for an empty id, NOT_FOUND for a sweep of which no sibling set has
// finished; otherwise the store's errors.
absl::StatusOr<std::string> StoredReport(ResultsStore& store, const std::vector<std::string>& sweep_ids);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_STORED_REPORT_H_
