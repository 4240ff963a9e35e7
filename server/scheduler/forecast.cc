#include "server/scheduler/forecast.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "server/scheduler/gang_estimate.h"

namespace seedbed {

SlotOutlook LookForSlots(absl::Span<const OfferedSlot> slots, const Labels& labels, int ranks) {
  for (const v1::DeviceKind device : {v1::DEVICE_KIND_CUDA, v1::DEVICE_KIND_CPU}) {
    std::vector<int64_t> memory;
    bool all_known = true;
    for (const OfferedSlot& slot : slots) {
      if (slot.draining || slot.device != device || !HasLabels(slot.labels, &labels)) continue;
      memory.push_back(slot.memory_bytes);
      all_known = all_known && slot.memory_bytes > 0;
    }
    if (static_cast<int>(memory.size()) < ranks) continue;
    std::sort(memory.begin(), memory.end(), std::greater<int64_t>());
    return {device, static_cast<int>(memory.size()), all_known ? memory[ranks - 1] : 0};
  }
  return {};
}

v1::GangForecast ForecastGang(const v1::Gang& gang, const SlotOutlook& outlook, double flops_per_rank_second,
                              const SchedulingOptions& options) {
  v1::GangForecast forecast;
  forecast.set_gang_id(gang.gang_id());
  forecast.set_device(outlook.device);
  forecast.set_seconds(-1);
  const GangWork work = gang.has_estimate() ? WorkOf(gang.estimate(), gang.run_ids_size()) : GangWork();
  int ranks = gang.ranks_wanted();
  if (ranks == 0 && outlook.slots > 0) ranks = BalancedRanks(work, std::min(outlook.slots, options.most_ranks));
  forecast.set_ranks(ranks);
  if (gang.has_estimate()) forecast.set_rank_memory_bytes(RankMemoryBytes(gang.estimate(), std::max(1, ranks)));
  if (ranks > 0 && work.known() && flops_per_rank_second > 0) {
    forecast.set_seconds(FlopsOfSlowestRank(work, ranks) / flops_per_rank_second);
  }
  return forecast;
}

}  // namespace seedbed
