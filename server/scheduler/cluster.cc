#include "server/scheduler/cluster.h"

#include <algorithm>
#include <tuple>

namespace seedbed {

bool HasLabels(const Labels* offered, const Labels* asked) {
  if (asked == nullptr || asked->empty()) return true;
  if (offered == nullptr) return false;
  return std::all_of(asked->begin(), asked->end(), [&](const auto& label) {
    const auto found = offered->find(label.first);
    return found != offered->end() && found->second == label.second;
  });
}

Cluster::Cluster(absl::Span<const OfferedSlot> slots, absl::Span<const Demand> demands) : slots_(slots) {
  ClassifySlots();
  MakePools(demands);
}

void Cluster::ClassifySlots() {
  absl::flat_hash_map<std::tuple<int, int64_t, const Labels*>, int> class_ids;
  absl::flat_hash_map<absl::string_view, int> machine_ids;
  for (int i = 0; i < static_cast<int>(slots_.size()); ++i) {
    const OfferedSlot& slot = slots_[i];
    const auto [found, is_new] =
        class_ids.try_emplace({slot.device, slot.memory_bytes, slot.labels}, static_cast<int>(classes_.size()));
    if (is_new) classes_.push_back({slot.device, slot.memory_bytes, slot.labels});
    class_of_slot_.push_back(found->second);
    const auto machine = machine_ids.try_emplace(slot.machine, static_cast<int>(machine_ids.size())).first;
    machine_of_slot_.push_back(machine->second);
    if (slot.draining) continue;
    ++(slot.device == v1::DEVICE_KIND_CUDA ? live_cuda_ : live_cpu_);
  }
  free_of_machine_.resize(machine_ids.size());
  for (int i = 0; i < static_cast<int>(slots_.size()); ++i) {
    if (slots_[i].use == SlotUse::kFree && !slots_[i].draining) free_of_machine_[machine_of_slot_[i]].push_back(i);
  }
  for (std::vector<int>& free : free_of_machine_) {
    std::stable_sort(free.begin(), free.end(),
                     [&](int a, int b) { return slots_[a].memory_bytes < slots_[b].memory_bytes; });
  }
}

void Cluster::MakePools(absl::Span<const Demand> demands) {
  for (const Demand& demand : demands) {
    const int cpu = MakePool(demand, v1::DEVICE_KIND_CPU);
    pools_of_demand_.emplace_back(cpu, MakePool(demand, v1::DEVICE_KIND_CUDA));
  }
}

int Cluster::MakePool(const Demand& demand, v1::DeviceKind device) {
  std::vector<int> members;
  for (int c = 0; c < static_cast<int>(classes_.size()); ++c) {
    const SlotClass& offered = classes_[c];
    const bool has_memory = offered.memory_bytes == 0 || offered.memory_bytes >= demand.memory_bytes;
    if (offered.device == device && has_memory && HasLabels(offered.labels, demand.labels)) members.push_back(c);
  }
  if (members.empty()) return -1;
  const auto [found, is_new] = pool_of_classes_.try_emplace(members, static_cast<int>(pools_.size()));
  if (!is_new) return found->second;
  Pool& pool = pools_.emplace_back();
  pool.has_class.resize(classes_.size());
  for (const int c : members) pool.has_class[c] = true;
  pool.free_of_machine.resize(free_of_machine_.size());
  for (int i = 0; i < static_cast<int>(slots_.size()); ++i) {
    if (slots_[i].draining || !pool.has_class[class_of_slot_[i]]) continue;
    ++pool.live;
    pool.stopping += slots_[i].use == SlotUse::kStopping;
    if (slots_[i].use != SlotUse::kFree) continue;
    ++pool.free;
    ++pool.free_of_machine[machine_of_slot_[i]];
  }
  for (int m = 0; m < static_cast<int>(pool.free_of_machine.size()); ++m) {
    if (pool.free_of_machine[m] > 0) pool.machines_by_free.emplace(pool.free_of_machine[m], m);
  }
  return found->second;
}

int Cluster::PoolOf(int demand, v1::DeviceKind device) const {
  const auto& [cpu, cuda] = pools_of_demand_[demand];
  return device == v1::DEVICE_KIND_CUDA ? cuda : cpu;
}

bool Cluster::Overlap(int pool, int other) const {
  if (pool == other) return true;
  for (size_t c = 0; c < classes_.size(); ++c) {
    if (pools_[pool].has_class[c] && pools_[other].has_class[c]) return true;
  }
  return false;
}

int Cluster::BestMachine(const Pool& pool, int count) {
  const auto enough = pool.machines_by_free.lower_bound({count, 0});
  if (enough != pool.machines_by_free.end()) return enough->second;
  // The first by place among those with the most.
  return pool.machines_by_free.lower_bound({pool.machines_by_free.rbegin()->first, 0})->second;
}

std::vector<int> Cluster::Take(int pool, int count) {
  std::vector<int> taken;
  while (static_cast<int>(taken.size()) < count) {
    const int machine = BestMachine(pools_[pool], count - static_cast<int>(taken.size()));
    const size_t begin = taken.size();
    std::vector<int>& free = free_of_machine_[machine];
    for (const int slot : free) {
      if (static_cast<int>(taken.size()) == count) break;
      if (Contains(pool, slot)) taken.push_back(slot);
    }
    for (size_t i = begin; i < taken.size(); ++i) {
      free.erase(std::find(free.begin(), free.end(), taken[i]));
      CountTaken(taken[i]);
    }
  }
  return taken;
}

void Cluster::CountTaken(int slot) {
  const int machine = machine_of_slot_[slot];
  for (Pool& pool : pools_) {
    if (!pool.has_class[class_of_slot_[slot]]) continue;
    int& free = pool.free_of_machine[machine];
    pool.machines_by_free.erase({free, machine});
    --free;
    --pool.free;
    if (free > 0) pool.machines_by_free.emplace(free, machine);
  }
}

void Cluster::BeginStopping(int slot) {
  if (slots_[slot].draining) return;
  for (Pool& pool : pools_) pool.stopping += pool.has_class[class_of_slot_[slot]];
}

}  // namespace seedbed
