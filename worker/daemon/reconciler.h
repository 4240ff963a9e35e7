// What a worker has to do so that what runs becomes what should run. Pure: no clock, no process, no network.
//
//                  start              terminate             (its process ends)
//   (not known) ----------> STARTING, RUNNING ----------> STOPPING ----------> EXITED ----------> (not known)
//                                     \________(its process ends)________________^      forget
#ifndef SEEDBED_WORKER_DAEMON_RECONCILER_H_
#define SEEDBED_WORKER_DAEMON_RECONCILER_H_

#include <optional>
#include <string>
#include <vector>

#include "seedbed/v1/worker.pb.h"
#include "worker/daemon/lease.h"
#include "worker/daemon/rank_id.h"

namespace seedbed {

struct DesiredState {
  RankId id;
  std::string slot_id;
  int world_size = 1;
  bool rendezvous_known = false;
};

struct ActualState {
  RankId id;
  std::string slot_id;
  v1::RankState state = v1::RANK_STATE_UNSPECIFIED;
};

struct ReconcileInput {
  // nullopt = the coordinator has not said yet what should run.
  std::optional<std::vector<DesiredState>> desired;
  std::vector<ActualState> actual;  // Each id once.
  LeasePhase lease = LeasePhase::kNone;
  bool shutting_down = false;
};

enum class StopReason { kNotDesired, kLeaseEnding, kShutdown };

struct RankToStop {
  RankId id;
  StopReason reason;
};

struct Plan {
  std::vector<RankId> start;          // In the order of `desired`.
  std::vector<RankToStop> terminate;  // SIGTERM, then SIGKILL after a grace period.
  std::vector<RankId> kill;           // SIGKILL at once.
  std::vector<RankId> forget;
};

// What holds of every plan:
//   * a known rank is never started, whatever its state: a key is started once;
//   * no two ranks of a slot have processes: a rank is started only where every known rank of its slot has EXITED and
//     no other rank of the plan goes;
//   * nothing is started without a lease that is held, nor while shutting down;
//   * a rank other than 0 of several is started once the rendezvous is known;
//   * only a rank that has EXITED and is not desired is forgotten, and never before the coordinator has spoken.
Plan Reconcile(const ReconcileInput& input);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_RECONCILER_H_
