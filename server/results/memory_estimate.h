// How much memory seedbed-agree needs, from the sizes of the dictionaries. Pure. The formula and what was measured
// stand in docs/agreement.md.
#ifndef SEEDBED_SERVER_RESULTS_MEMORY_ESTIMATE_H_
#define SEEDBED_SERVER_RESULTS_MEMORY_ESTIMATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "seedbed/v1/results.pb.h"

namespace seedbed {

// Anonymous memory at the peak, in bytes.
struct MemoryNeed {
  int64_t with_all_cached = 0;    // One process for the whole set that loads each dictionary once.
  int64_t largest_pair = 0;       // A process for each pair, which holds two dictionaries.
  int64_t from_stored_pairs = 0;  // One process for the whole set that finds every pair stored.
};

// None where the size of a dictionary is not known.
std::optional<MemoryNeed> EstimateMemory(const v1::Agreement& request);

// How a set is computed within some memory.
struct MemoryPlan {
  bool pair_by_pair = false;
  int64_t bytes = 0;         // To be kept free for it: the estimate, or all of it where there is none.
  int64_t most_bytes = 0;    // A process that needs more is stopped.
  int64_t cached_bytes = 0;  // Of dictionaries that a process for the whole set keeps.
  std::string refusal;       // Not empty: it can't fit, with the numbers.
};

// Within `most_bytes`.
MemoryPlan PlanMemory(const v1::Agreement& request, int64_t most_bytes);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_MEMORY_ESTIMATE_H_
