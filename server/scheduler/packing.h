// Which runs of a sweep are trained together.
#ifndef SEEDBED_SERVER_SCHEDULER_PACKING_H_
#define SEEDBED_SERVER_SCHEDULER_PACKING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace seedbed {

struct PackingOptions {
  int most_runs_per_gang = 64;
  int ranks = 1;                // That a gang runs on, at least.
  int64_t rank_bytes = 0;       // On each, beside what the language model takes; 0 = not known, so no limit.
  int64_t hookpoint_bytes = 0;  // That each hookpoint of a gang takes on a rank.
};

// What packing needs to know of a run.
struct PackableRun {
  std::string stream_key;
  std::string sibling_set_id;
  int64_t bytes = 0;
  std::vector<std::string> hookpoints;
};

// Groups the indices of `runs`, in order, into gangs of one stream key each, as many runs a gang as there may be and as
// fit in the memory of its ranks. Siblings stay together unless there are more of them than that. Each index is in
// exactly one gang; a run that does not fit by itself has one of its own.
std::vector<std::vector<int>> PackGangs(absl::Span<const PackableRun> runs, const PackingOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_PACKING_H_
