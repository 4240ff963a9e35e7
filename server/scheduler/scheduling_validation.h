// What may be said of scheduling: who, how urgent, where.
#ifndef SEEDBED_SERVER_SCHEDULER_SCHEDULING_VALIDATION_H_
#define SEEDBED_SERVER_SCHEDULER_SCHEDULING_VALIDATION_H_

#include <string>

#include "absl/strings/string_view.h"
#include "seedbed/v1/sweep.pb.h"
#include "server/scheduler/violations.h"

namespace seedbed {

inline constexpr int kMostPriority = 1000;
inline constexpr int kMostLabels = 16;
inline constexpr int kMostQuotaSlots = 1'000'000;
inline constexpr double kLeastShare = 0.001;
inline constexpr double kMostShare = 1000;

// 1..64 characters of [A-Za-z0-9._-].
bool IsPlainName(absl::string_view text);

void CheckPlainName(absl::string_view field, const std::string& name, ViolationList& violations);

// `scheduling` and `resources`.
void CheckScheduling(const v1::SweepSpec& spec, ViolationList& violations);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SCHEDULING_VALIDATION_H_
