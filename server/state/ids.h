// How sweeps and what they expand into are named. Ids are never used again.
#ifndef SEEDBED_SERVER_STATE_IDS_H_
#define SEEDBED_SERVER_STATE_IDS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace seedbed {

// "s7": the seventh sweep that was submitted, counted from 1.
std::string SweepId(int64_t number);

// "s7-r0", "s7-g0", "s7-b0"; "r0", "g0", "b0" where there is no sweep id (yet). `index` counts from 0 within the sweep.
std::string RunId(absl::string_view sweep_id, int64_t index);
std::string GangId(absl::string_view sweep_id, int64_t index);
std::string SiblingSetId(absl::string_view sweep_id, int64_t index);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STATE_IDS_H_
