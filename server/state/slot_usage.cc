#include "server/state/slot_usage.h"

#include <algorithm>
#include <cmath>

namespace seedbed {

double SlotUsage::RecentAt(v1::DeviceKind device, int64_t unix_ms) const {
  const Usage& usage = usage_[device];
  const double passed = static_cast<double>(std::max<int64_t>(0, unix_ms - usage.unix_ms));
  return usage.held + (usage.recent - usage.held) * std::exp2(-passed / kUsageHalfLifeMs);
}

void SlotUsage::Change(v1::DeviceKind device, int change, int64_t unix_ms) {
  Usage& usage = usage_[device];
  usage.recent = RecentAt(device, unix_ms);
  usage.unix_ms = std::max(usage.unix_ms, unix_ms);
  usage.held += change;
}

}  // namespace seedbed
