// How many slots a user has held lately.
#ifndef SEEDBED_SERVER_STATE_SLOT_USAGE_H_
#define SEEDBED_SERVER_STATE_SLOT_USAGE_H_

#include <array>
#include <cstdint>

#include "seedbed/v1/worker.pb.h"

namespace seedbed {

// After so long, what was held counts half.
inline constexpr int64_t kUsageHalfLifeMs = 24 * 3600 * 1000;

// By device kind, the average of the slots held over all time before, in which time that lies t back weighs
// 2^(-t / half-life): while h slots are held, the average r follows r' = (h - r) ln 2 / half-life. Time that goes back
// counts as standing still. Not thread-safe.
class SlotUsage {
 public:
  // `change` slots more, or fewer, are held from now on.
  void Change(v1::DeviceKind device, int change, int64_t unix_ms);

  int held(v1::DeviceKind device) const { return usage_[device].held; }
  double RecentAt(v1::DeviceKind device, int64_t unix_ms) const;

 private:
  struct Usage {
    int held = 0;
    double recent = 0;  // At `unix_ms`.
    int64_t unix_ms = 0;
  };
  std::array<Usage, v1::DeviceKind_ARRAYSIZE> usage_;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STATE_SLOT_USAGE_H_
