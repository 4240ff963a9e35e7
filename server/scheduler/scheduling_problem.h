// What a scheduling pass is given and what it answers.
#ifndef SEEDBED_SERVER_SCHEDULER_SCHEDULING_PROBLEM_H_
#define SEEDBED_SERVER_SCHEDULER_SCHEDULING_PROBLEM_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "seedbed/v1/coordinator.pb.h"
#include "server/scheduler/cluster.h"
#include "server/scheduler/rank_balance.h"
#include "server/scheduler/stream_shape.h"

namespace seedbed {

// By device kind, indexed by the enum's values.
template <typename T>
using ByDevice = std::array<T, v1::DeviceKind_ARRAYSIZE>;

struct SchedulingUser {
  double share = 1;              // Of the slots, relative to others'; > 0.
  int most_slots = 0;            // Quota; 0 = none.
  ByDevice<double> recent = {};  // Slots held lately, on average.
};

struct WaitingGang {
  absl::string_view gang_id;
  int user = 0;  // Place among the users.
  int priority = 0;
  int ranks_wanted = 0;  // 0 = as many as there are and as are of use, at least 1.
  int demand = 0;        // Place among the demands.
  GangWork work;
  // Why it can't be placed whatever is free; UNSPECIFIED = it can.
  v1::WaitReason not_ready = v1::WAIT_REASON_UNSPECIFIED;
  int64_t ready_unix_ms = 0;  // Of a back-off: when it passes.

  int least_ranks() const { return ranks_wanted > 0 ? ranks_wanted : 1; }
};

struct RunningGang {
  absl::string_view gang_id;
  int user = 0;
  int priority = 0;
  int64_t placed_unix_ms = 0;
  std::optional<int64_t> end_unix_ms;  // Estimated; nullopt = not known, so nothing can be planned on its end.
  std::vector<int> slots;              // Places among the slots; those that their worker still offers.
};

struct SchedulingOptions {
  // For a gang that takes what is free: more ranks than micro-batches in a block would have nothing to harvest.
  int most_ranks = kBlockMicroBatches;
  bool preempt = true;
};

// Strings and labels are borrowed.
struct SchedulingProblem {
  int64_t now_unix_ms = 0;
  SchedulingOptions options;
  std::vector<OfferedSlot> slots;
  std::vector<Demand> demands;
  std::vector<SchedulingUser> users;
  std::vector<RunningGang> running;
  std::vector<WaitingGang> waiting;             // In the order of submission.
  ByDevice<double> flops_per_rank_second = {};  // Measured; 0 = not known.
};

struct Placement {
  int gang = 0;            // Place among the waiting ones.
  std::vector<int> slots;  // By rank.
};

struct Preemption {
  int victim = 0;  // Place among the running ones.
  int by = 0;      // Place among the waiting ones.
};

// Why a gang waits: v1::GangWait says what the fields mean.
struct Wait {
  v1::WaitReason reason = v1::WAIT_REASON_UNSPECIFIED;
  int available = 0;
  int64_t start_unix_ms = 0;
  int ahead = -1;  // Place among the waiting ones; -1 = none.
};

struct Schedule {
  std::vector<Placement> placements;
  std::vector<Preemption> preemptions;
  std::vector<Wait> waits;  // Of each waiting gang; STARTING for those that are placed.
};

// Estimated end of a gang that starts now on so many ranks of a device; nullopt = not known.
std::optional<int64_t> EstimatedEnd(const SchedulingProblem& problem, const GangWork& work, v1::DeviceKind device,
                                    int ranks);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_SCHEDULER_SCHEDULING_PROBLEM_H_
