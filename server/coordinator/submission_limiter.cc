#include "server/coordinator/submission_limiter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/number_words.h"
#include "proto/rpc/status.h"

namespace seedbed {
namespace {

// Runs end in minutes to days.
constexpr absl::Duration kUntilRunsEnd = absl::Minutes(1);

}  // namespace

absl::Status SubmissionLimiter::TakeOne(absl::Duration now) {
  tokens_ = std::min<double>(limits_.at_once, tokens_ + limits_.per_second * absl::ToDoubleSeconds(now - filled_));
  filled_ = now;
  if (tokens_ < 1) {
    return RetryLaterError("sweeps are submitted too fast, so nothing was submitted",
                           absl::Ceil(absl::Seconds((1 - tokens_) / limits_.per_second), absl::Milliseconds(1)));
  }
  tokens_ -= 1;
  return absl::OkStatus();
}

absl::Status SubmissionLimiter::CheckWaiting(int64_t waiting_runs, int64_t more) const {
  if (waiting_runs + more <= limits_.most_waiting_runs) return absl::OkStatus();
  return RetryLaterError(
      absl::StrCat(FormatCount(waiting_runs), " runs wait; with ", FormatCount(more), " more there would be more than ",
                   FormatCount(limits_.most_waiting_runs), ", so nothing was submitted"),
      kUntilRunsEnd);
}

}  // namespace seedbed
