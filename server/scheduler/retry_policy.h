// Whether a gang's failed attempt is followed by another.
#ifndef SEEDBED_SERVER_SCHEDULER_RETRY_POLICY_H_
#define SEEDBED_SERVER_SCHEDULER_RETRY_POLICY_H_

#include <cstdint>
#include <optional>

#include "seedbed/v1/run.pb.h"

namespace seedbed {

// No back-off is longer.
inline constexpr int64_t kLongestBackoffMs = 4000;

// Milliseconds to wait before the next attempt; nullopt = give up, its unended runs fail. `failed_attempts` counts the
// gang's attempts that failed in this way, the one that just did included.
//
//   user_error, not_finite, batch_mismatch, damaged_input   never: the same input gives the same failure, or ought to
//   out_of_memory                                           once, after 1 s: others may have taken the memory
//   worker_lost                                             20 times, after 0.5 s: no fault of the gang's
//   rank_died, hung_collective, io, internal, others        3 times, after 1 s, 2 s and 4 s
std::optional<int64_t> RetryBackoffMs(v1::FailureKind kind, int failed_attempts);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_RETRY_POLICY_H_
