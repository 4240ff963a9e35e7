// How far each rank has come: what tells who keeps a collective waiting. Pure.
#ifndef SEEDBED_SAE_COLLECTIVES_PROGRESS_H_
#define SEEDBED_SAE_COLLECTIVES_PROGRESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace seedbed {

struct RankProgress {
  int64_t collectives = 0;  // That the rank has come to.
  int64_t beats = 0;        // Grows as long as the rank's process runs, whatever it does.
  std::string host;         // Without spaces.
  std::string phase;        // As Collectives::SetPhase.
};

std::string EncodeProgress(const RankProgress& progress);
// INVALID_ARGUMENT for a text that EncodeProgress did not make.
absl::StatusOr<RankProgress> DecodeProgress(absl::string_view text);

// Who keeps rank `rank` waiting in its newest collective, judged by two looks at all ranks, several beats apart:
// "waiting for rank 0 (10.0.0.5, no sign of life), rank 2 (10.0.0.7, at step 3, block 1)"; a rank at whose beats
// nothing changed, or that has not come to the collective. Where there is none, says that.
std::string WaitingFor(int rank, const std::vector<RankProgress>& before, const std::vector<RankProgress>& after);

// Follows who has come to rank `rank`'s newest collective, by looks at all ranks one after another. Not thread-safe.
class Arrivals {
 public:
  // A rank counts as lost that has not come and at whose beats nothing changed for `patience`.
  Arrivals(int rank, absl::Duration patience) : rank_(static_cast<size_t>(rank)), patience_(patience) {}

  // `now`: monotonic, the same clock for every look.
  void Look(const std::vector<RankProgress>& ranks, absl::Duration now);

  // By the newest look.
  bool all_have_come() const { return all_have_come_; }
  bool one_is_lost() const { return one_is_lost_; }

 private:
  struct Beat {
    int64_t beats = -1;
    absl::Duration since;  // The first look at which it was so.
  };

  size_t rank_;
  absl::Duration patience_;
  std::vector<Beat> newest_;  // By rank.
  bool all_have_come_ = false;
  bool one_is_lost_ = false;
};

// "step 9, block 2: all-to-all"
std::string OperationIn(absl::string_view phase, absl::string_view operation);

// DEADLINE_EXCEEDED: "rank 1: step 9, block 2: all-to-all: no progress for 120 s; waiting for ..."
absl::Status StallError(int rank, absl::string_view operation, absl::Duration timeout, absl::string_view waiting_for);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_PROGRESS_H_
