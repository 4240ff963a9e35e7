#include "server/scheduler/placement.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "server/scheduler/retry_policy.h"

namespace seedbed {
namespace {

// The free slots of one device kind, by worker.
class SlotPool {
 public:
  void Add(const FreeSlot& slot) {
    by_worker_[slot.worker].push_back(slot);
    ++free_;
  }

  int free() const { return free_; }

  // Takes `count` <= free() slots: from the worker where they fit most tightly, or else from as few as possible.
  std::vector<FreeSlot> Take(int count) {
    std::vector<FreeSlot> taken;
    while (static_cast<int>(taken.size()) < count) {
      std::vector<FreeSlot>& slots = BestWorker(count - static_cast<int>(taken.size()));
      const size_t from_here = std::min<size_t>(slots.size(), count - taken.size());
      taken.insert(taken.end(), slots.begin(), slots.begin() + from_here);
      slots.erase(slots.begin(), slots.begin() + from_here);
    }
    free_ -= count;
    return taken;
  }

 private:
  // The fewest slots that are enough, or else the most; the first by name among equals.
  std::vector<FreeSlot>& BestWorker(int count) {
    std::vector<FreeSlot>* best = nullptr;
    for (auto& [worker, slots] : by_worker_) {
      if (best == nullptr) {
        best = &slots;
        continue;
      }
      const bool fits = static_cast<int>(slots.size()) >= count;
      const bool best_fits = static_cast<int>(best->size()) >= count;
      const bool better =
          fits ? (!best_fits || slots.size() < best->size()) : (!best_fits && slots.size() > best->size());
      if (better) best = &slots;
    }
    return *best;
  }

  int free_ = 0;
  std::map<std::string, std::vector<FreeSlot>> by_worker_;
};

class Placer {
 public:
  Placer(absl::Span<const FreeSlot> free, const PlacementOptions& options) : options_(options) {
    for (const FreeSlot& slot : free) pools_[slot.device == v1::DEVICE_KIND_CUDA ? 0 : 1].Add(slot);
  }

  // Each of `ready` fits on the live slots: one that does not fit on the free ones now holds up those behind it.
  std::vector<Placement> Place(const std::vector<WaitingGang>& ready) {
    int remaining = static_cast<int>(ready.size());
    std::vector<Placement> placements;
    for (const WaitingGang& gang : ready) {
      const int gangs_left = remaining--;
      std::vector<FreeSlot> slots = gang.ranks_wanted > 0 ? TakeExactly(gang.ranks_wanted) : TakeShare(gangs_left);
      if (slots.empty()) break;
      placements.push_back({gang.gang_id, std::move(slots)});
    }
    return placements;
  }

 private:
  std::vector<FreeSlot> TakeExactly(int ranks) {
    for (SlotPool& pool : pools_) {
      if (pool.free() >= ranks) return pool.Take(ranks);
    }
    return {};
  }

  std::vector<FreeSlot> TakeShare(int gangs_left) {
    for (SlotPool& pool : pools_) {
      if (pool.free() == 0) continue;
      return pool.Take(std::clamp(pool.free() / gangs_left, 1, std::max(1, options_.most_ranks)));
    }
    return {};
  }

  const PlacementOptions options_;
  SlotPool pools_[2];  // CUDA, then CPU: the order of preference.
};

}  // namespace

bool IsReady(const WaitingGang& gang, int64_t now_unix_ms) {
  const int64_t wait = gang.not_before_unix_ms - now_unix_ms;
  return wait <= 0 || wait > kLongestBackoffMs;
}

bool CouldEverFit(int ranks_wanted, const LiveSlots& live) { return ranks_wanted <= std::max(live.cpu, live.cuda); }

std::vector<Placement> PlaceGangs(absl::Span<const WaitingGang> waiting, absl::Span<const FreeSlot> free,
                                  const LiveSlots& live, int64_t now_unix_ms, const PlacementOptions& options) {
  std::vector<WaitingGang> ready;
  for (const WaitingGang& gang : waiting) {
    if (IsReady(gang, now_unix_ms) && CouldEverFit(gang.ranks_wanted, live)) ready.push_back(gang);
  }
  return Placer(free, options).Place(ready);
}

}  // namespace seedbed
