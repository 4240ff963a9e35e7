// How long a worker may go on running ranks without word from the coordinator. The coordinator gives a lost worker's
// gangs away once the lease has passed, so the ranks must have ended by then.
#ifndef SEEDBED_WORKER_DAEMON_LEASE_H_
#define SEEDBED_WORKER_DAEMON_LEASE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace seedbed {

enum class LeasePhase {
  kNone,    // Never had one: nothing may be started.
  kHeld,    // At least a third is left.
  kEnding,  // Less than a third is left: nothing is started, ranks get SIGTERM.
  kOver,    // Less than a tenth is left, or nothing: ranks get SIGKILL.
};

// Pure: time comes in, by the monotonic clock. Not thread-safe.
class Lease {
 public:
  // The coordinator has answered a report that was sent at `sent_at`: the lease runs `length` from then. An answer to
  // an older report than the one the lease runs from, or a length that is not positive, changes nothing.
  void Renew(absl::Duration sent_at, absl::Duration length);

  LeasePhase Phase(absl::Duration now) const;

  // Zero when it is over or was never had.
  absl::Duration Remaining(absl::Duration now) const;

  // From when on it is kOver; infinitely long ago where there was none.
  absl::Duration OverAt() const { return from_ + length_ - length_ / kLastShare; }

 private:
  static constexpr int64_t kLastShare = 10;  // With less than one in so many of it left, a lease is over.

  absl::Duration from_ = -absl::InfiniteDuration();
  absl::Duration length_ = absl::ZeroDuration();
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_LEASE_H_
