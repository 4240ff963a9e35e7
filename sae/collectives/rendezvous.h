// How the ranks of a group find each other: a key-value store that rank 0 serves over TCP.
#ifndef SEEDBED_SAE_COLLECTIVES_RENDEZVOUS_H_
#define SEEDBED_SAE_COLLECTIVES_RENDEZVOUS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "c10/util/intrusive_ptr.h"
#include "sae/collectives/collectives.h"
#include "torch/csrc/distributed/c10d/Store.hpp"

namespace seedbed {

// Rank 0 binds a free port of options.rendezvous_host, and of no other interface, reports it and waits; the others
// connect. Returns, under the prefix options.group_name, once all ranks have come. `deadline` is of the system's
// monotonic clock (common/clock.h).
//
// INVALID_ARGUMENT for a rendezvous_address that is not host:port, UNAVAILABLE, naming the address, when it can't be
// bound or reached, DEADLINE_EXCEEDED when a rank has not come.
absl::StatusOr<c10::intrusive_ptr<c10d::Store>> JoinStore(const GroupOptions& options, absl::Duration deadline);

// What is left until `deadline`, at least a millisecond, because c10d takes zero as no limit.
std::chrono::milliseconds TimeLeft(absl::Duration deadline);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_RENDEZVOUS_H_
