// Which runs of a sweep are trained together.
#ifndef SEEDBED_SERVER_SCHEDULER_PACKING_H_
#define SEEDBED_SERVER_SCHEDULER_PACKING_H_

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace seedbed {

struct PackingOptions {
  int most_runs_per_gang = 64;
};

// What packing needs to know of a run.
struct PackableRun {
  std::string stream_key;
  std::string sibling_set_id;
};

// Groups the indices of `runs`, in order, into gangs of one stream key each. Siblings stay together unless there are
// more of them than a gang may have. Each index is in exactly one gang.
std::vector<std::vector<int>> PackGangs(absl::Span<const PackableRun> runs, const PackingOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_PACKING_H_
