// From a sweep to what is trained: the grid, sibling sets, the stream and gangs.
#ifndef SEEDBED_SERVER_SCHEDULER_EXPANSION_H_
#define SEEDBED_SERVER_SCHEDULER_EXPANSION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "seedbed/v1/gang.pb.h"
#include "seedbed/v1/run.pb.h"
#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/sweep_resolution.h"

namespace seedbed {

struct Expansion {
  // Hookpoints and then transcoders vary slowest, then architectures, latents and k or the target L0, whichever an
  // architecture has; seeds vary fastest.
  std::vector<v1::Run> runs;
  std::vector<v1::Gang> gangs;
  std::vector<v1::SiblingSet> sibling_sets;
};

struct ExpansionOptions {
  int most_runs_per_gang = 64;
  int64_t slot_memory_bytes = 0;  // That a rank may use; 0 = not known.
};

// `sweep` has no violations. Ids start with `sweep_id`, which is empty for a sweep that is only tried.
Expansion ExpandSweep(const ResolvedSweep& sweep, absl::string_view sweep_id, const ExpansionOptions& options);

v1::StreamSpec ResolveStream(const ResolvedSweep& sweep);

// 64 hexadecimal digits: equal streams have equal keys.
std::string StreamKey(const v1::StreamSpec& stream);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_EXPANSION_H_
