// Which waiting gangs get which free slots: all the slots of a gang at once, or none.
#ifndef SEEDBED_SERVER_SCHEDULER_PLACEMENT_H_
#define SEEDBED_SERVER_SCHEDULER_PLACEMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "seedbed/v1/worker.pb.h"
#include "server/scheduler/stream_shape.h"

namespace seedbed {

struct WaitingGang {
  std::string gang_id;
  int ranks_wanted = 0;  // 0 = as many as are free.
  int64_t not_before_unix_ms = 0;
};

struct FreeSlot {
  std::string worker;
  std::string slot;
  v1::DeviceKind device = v1::DEVICE_KIND_CPU;
};

// Slots of all live workers, free or not, of each device kind.
struct LiveSlots {
  int cpu = 0;
  int cuda = 0;
};

struct PlacementOptions {
  // For a gang that takes what is free: more ranks than micro-batches in a block would have nothing to harvest.
  int most_ranks = kBlockMicroBatches;
};

struct Placement {
  std::string gang_id;
  std::vector<FreeSlot> slots;  // By rank.
};

// Whether its back-off has passed. One further away than any back-off shows that the wall clock was set back.
bool IsReady(const WaitingGang& gang, int64_t now_unix_ms);

// Whether that many ranks (0 = any number) fit on the live slots of one device kind, free or not.
bool CouldEverFit(int ranks_wanted, const LiveSlots& live);

// Takes the ready gangs in the order given, first come, first served:
// * a gang that wants R ranks gets exactly R slots. While fewer are free, it and all behind it wait, unless it wants
//   more slots than are live: then it alone waits;
// * a gang that wants 0 gets its share of the free slots: their number over that of the gangs that are still to be
//   placed, at least 1, at most `most_ranks`.
// All slots of a gang are of one device kind, CUDA where both would do, and on as few workers as possible.
std::vector<Placement> PlaceGangs(absl::Span<const WaitingGang> waiting, absl::Span<const FreeSlot> free,
                                  const LiveSlots& live, int64_t now_unix_ms, const PlacementOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_PLACEMENT_H_
