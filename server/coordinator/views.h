// The state as users see it.
#ifndef SEEDBED_SERVER_COORDINATOR_VIEWS_H_
#define SEEDBED_SERVER_COORDINATOR_VIEWS_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "seedbed/v1/coordinator.pb.h"
#include "server/coordinator/worker_table.h"
#include "server/state/state.h"

namespace seedbed {

using ProgressByRun = absl::flat_hash_map<std::string, v1::RunProgress>;

// Without gangs where they are not asked for.
v1::Sweep ViewSweep(const State& state, const SweepRecord& sweep, bool with_gangs);

// Of a gang that has no slots without those of its attempt before.
v1::Gang ViewGang(const GangRecord& gang);

v1::Run ViewRun(const v1::Run& run, const ProgressByRun& progress);

// A page ends early where its answer would grow beyond a few megabytes. INVALID_ARGUMENT, with field violations, for a
// page size or a token that no page gave; NOT_FOUND for an unknown sweep.
absl::StatusOr<v1::ListSweepsResponse> ViewSweeps(const State& state, const v1::ListSweepsRequest& request);
absl::StatusOr<v1::ListRunsResponse> ViewRuns(const State& state, const ProgressByRun& progress,
                                              const v1::ListRunsRequest& request);

// By name.
v1::ListWorkersResponse ViewWorkers(const State& state, const WorkerTable& workers);
v1::Worker ViewWorker(const State& state, const std::string& name, const WorkerEntry& worker);

v1::User ViewUser(const UserRecord& user, int64_t now_unix_ms);

// NOT_FOUND: there is no sweep "s9".
absl::Status NoSuchSweep(absl::string_view sweep_id);
absl::Status NoSuchRun(absl::string_view run_id);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_VIEWS_H_
