// The slots that a worker offers, from its command line.
#ifndef SEEDBED_WORKER_DAEMON_SLOTS_H_
#define SEEDBED_WORKER_DAEMON_SLOTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "seedbed/v1/worker.pb.h"

namespace seedbed {

inline constexpr int kMostSlotsOfAKind = 1024;

// "cpu:2", "cuda:4" or "cpu:1,cuda:2": N slots of each kind, named cpu:0, cpu:1, ... and cuda:0, cuda:1, ..., where
// cuda:N is GPU N. `threads_per_slot` 0 = the cores shared out evenly among the CPU slots, or among the GPU slots where
// there are none, at least 1. INVALID_ARGUMENT naming --slots or --threads-per-slot, what was found and what is
// allowed.
absl::StatusOr<std::vector<v1::Slot>> ParseSlots(absl::string_view text, int threads_per_slot, int cores);

// As TrainerSpec.device takes it: "cpu" or "cuda:N".
std::string DeviceOf(const v1::Slot& slot);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_SLOTS_H_
