// The slots of all connected workers, as far as placing gangs on them goes.
#ifndef SEEDBED_SERVER_SCHEDULER_CLUSTER_H_
#define SEEDBED_SERVER_SCHEDULER_CLUSTER_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "seedbed/v1/worker.pb.h"
#include "server/state/records.h"

namespace seedbed {

enum class SlotUse {
  kFree,
  kHeld,      // By a gang that runs.
  kStopping,  // No gang holds it, but a rank of an earlier one is still there: it is free soon.
};

// Strings and labels are borrowed.
struct OfferedSlot {
  absl::string_view worker;
  absl::string_view slot;
  absl::string_view machine;  // Workers may share one.
  v1::DeviceKind device = v1::DEVICE_KIND_CPU;
  int64_t memory_bytes = 0;        // 0 = not known; taken to be enough.
  const Labels* labels = nullptr;  // Of its worker, one object for all workers with the same; nullptr = none.
  bool draining = false;           // Must not be given.
  SlotUse use = SlotUse::kFree;
};

// What every slot of a gang must have.
struct Demand {
  int64_t memory_bytes = 0;        // Of the largest rank; 0 = not known.
  const Labels* labels = nullptr;  // nullptr = none.
};

// `offered` has each label that is asked for, with the same value.
bool HasLabels(const Labels* offered, const Labels* asked);

// Slots that serve a demand alike are a pool: those of one device kind with the memory and the labels. Pools may
// overlap. Slots are named by their place in the list that the cluster was made of. Not thread-safe.
class Cluster {
 public:
  // All that the slots borrow must outlive the cluster, and `demands` what they borrow.
  Cluster(absl::Span<const OfferedSlot> slots, absl::Span<const Demand> demands);

  // The pool of that device kind for demands[demand]; -1 where no slot would do.
  int PoolOf(int demand, v1::DeviceKind device) const;

  // Slots of the pool that don't drain: all, those that are free, and those that will be soon.
  int live(int pool) const { return pools_[pool].live; }
  int free(int pool) const { return pools_[pool].free; }
  int stopping(int pool) const { return pools_[pool].stopping; }
  // Slots of all pools of that kind.
  int live(v1::DeviceKind device) const { return device == v1::DEVICE_KIND_CUDA ? live_cuda_ : live_cpu_; }

  bool Contains(int pool, int slot) const { return pools_[pool].has_class[class_of_slot_[slot]]; }
  bool Overlap(int pool, int other) const;

  // Takes `count` <= free(pool) slots: from the machine where they fit most tightly, or else from as few machines as
  // possible; of a machine those with the least memory.
  std::vector<int> Take(int pool, int count);

  // A slot that is held will be free soon.
  void BeginStopping(int slot);

  const OfferedSlot& slot(int index) const { return slots_[index]; }

 private:
  struct SlotClass {
    v1::DeviceKind device;
    int64_t memory_bytes;
    const Labels* labels;
  };
  struct Pool {
    std::vector<bool> has_class;
    int live = 0;
    int free = 0;
    int stopping = 0;
    std::vector<int> free_of_machine;
    std::set<std::pair<int, int>> machines_by_free;  // (free slots, machine) where any are free.
  };

  void ClassifySlots();
  void MakePools(absl::Span<const Demand> demands);
  int MakePool(const Demand& demand, v1::DeviceKind device);
  void CountTaken(int slot);
  // The machine with the fewest free slots of the pool that are enough, or else with the most.
  static int BestMachine(const Pool& pool, int count);

  const absl::Span<const OfferedSlot> slots_;
  std::vector<SlotClass> classes_;
  std::vector<int> class_of_slot_;
  std::vector<int> machine_of_slot_;
  std::vector<std::vector<int>> free_of_machine_;  // By memory, then by place.
  std::vector<Pool> pools_;
  absl::flat_hash_map<std::vector<int>, int> pool_of_classes_;
  std::vector<std::pair<int, int>> pools_of_demand_;  // CPU, CUDA.
  int live_cpu_ = 0;
  int live_cuda_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_CLUSTER_H_
