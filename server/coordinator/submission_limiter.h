// How many submissions the coordinator takes before clients have to wait.
#ifndef SEEDBED_SERVER_COORDINATOR_SUBMISSION_LIMITER_H_
#define SEEDBED_SERVER_COORDINATOR_SUBMISSION_LIMITER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace seedbed {

struct SubmissionLimits {
  double per_second = 100;  // In the long run.
  int at_once = 1000;       // In one burst.
  int64_t most_waiting_runs = 1'000'000;
};

// A token bucket, and a limit on what waits. Times are Clock::Monotonic(). Not thread-safe.
class SubmissionLimiter {
 public:
  SubmissionLimiter(const SubmissionLimits& limits, absl::Duration now)
      : limits_(limits), tokens_(limits.at_once), filled_(now) {}

  // Counts a submission. RESOURCE_EXHAUSTED, with the time after which one more is allowed, where there were too many;
  // it counts for nothing then.
  absl::Status TakeOne(absl::Duration now);

  // RESOURCE_EXHAUSTED where `more` runs beside those that wait are too many.
  absl::Status CheckWaiting(int64_t waiting_runs, int64_t more) const;

 private:
  const SubmissionLimits limits_;
  double tokens_;
  absl::Duration filled_;  // When tokens_ was computed.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_COORDINATOR_SUBMISSION_LIMITER_H_
