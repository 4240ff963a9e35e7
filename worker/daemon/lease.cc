#include "worker/daemon/lease.h"

#include <algorithm>

namespace seedbed {

void Lease::Renew(absl::Duration sent_at, absl::Duration length) {
  if (sent_at < from_ || length <= absl::ZeroDuration()) return;
  from_ = sent_at;
  length_ = length;
}

LeasePhase Lease::Phase(absl::Duration now) const {
  if (length_ == absl::ZeroDuration()) return LeasePhase::kNone;
  const absl::Duration remaining = Remaining(now);
  if (remaining >= length_ / 3) return LeasePhase::kHeld;
  return remaining >= length_ / kLastShare ? LeasePhase::kEnding : LeasePhase::kOver;
}

absl::Duration Lease::Remaining(absl::Duration now) const {
  if (length_ == absl::ZeroDuration()) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), from_ + length_ - now);
}

}  // namespace seedbed
