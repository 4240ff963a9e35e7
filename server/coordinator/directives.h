// What a worker is told: everything that should run on it.
#ifndef SEEDBED_SERVER_COORDINATOR_DIRECTIVES_H_
#define SEEDBED_SERVER_COORDINATOR_DIRECTIVES_H_

#include "absl/time/time.h"
#include "seedbed/v1/worker.pb.h"
#include "server/coordinator/worker_table.h"
#include "server/state/state.h"

namespace seedbed {

// For one instance of a worker, by gang and rank: the ranks of current attempts that were placed on it. The rendezvous
// address is what rank 0's worker reported last.
v1::WorkerDirective BuildDirective(const State& state, const WorkerTable& workers, const WorkerEntry& worker,
                                   absl::Duration lease);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_DIRECTIVES_H_
