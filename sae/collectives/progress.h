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

// "step 9, block 2: all-to-all"
std::string OperationIn(absl::string_view phase, absl::string_view operation);

// DEADLINE_EXCEEDED: "rank 1: step 9, block 2: all-to-all: no progress for 120 s; waiting for ..."
absl::Status StallError(int rank, absl::string_view operation, absl::Duration timeout, absl::string_view waiting_for);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_PROGRESS_H_
