// What gangs will take, before they are placed.
#ifndef SEEDBED_SERVER_SCHEDULER_FORECAST_H_
#define SEEDBED_SERVER_SCHEDULER_FORECAST_H_

#include <cstdint>

#include "absl/types/span.h"
#include "seedbed/v1/coordinator.pb.h"
#include "server/scheduler/cluster.h"
#include "server/scheduler/scheduling_problem.h"

namespace seedbed {

// The slots that gangs of a sweep run on, once they are free.
struct SlotOutlook {
  v1::DeviceKind device = v1::DEVICE_KIND_UNSPECIFIED;  // UNSPECIFIED = there are no such slots.
  int slots = 0;                                        // Of that kind, with the labels.
  int64_t memory_bytes = 0;                             // That as many of them have as a gang wants; 0 = not known.
};

// Of slots that don't drain: CUDA where enough of them have the labels, else CPU. `ranks` >= 1.
SlotOutlook LookForSlots(absl::Span<const OfferedSlot> slots, const Labels& labels, int ranks);

// `flops_per_rank_second` is of the outlook's device; 0 = not known.
v1::GangForecast ForecastGang(const v1::Gang& gang, const SlotOutlook& outlook, double flops_per_rank_second,
                              const SchedulingOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_FORECAST_H_
