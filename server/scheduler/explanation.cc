#include "server/scheduler/explanation.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/number_words.h"

namespace seedbed {
namespace {

std::string Slots(int count) { return absl::StrCat(count, count == 1 ? " slot" : " slots"); }

std::string Wanted(const SchedulingProblem& problem, const WaitingGang& gang) {
  std::string text = absl::StrCat("wants ", gang.ranks_wanted == 0 ? "at least " : "", Slots(gang.least_ranks()));
  const Demand& demand = problem.demands[gang.demand];
  std::vector<std::string> needs;
  if (demand.memory_bytes > 0) needs.push_back(absl::StrCat(FormatCount(demand.memory_bytes), " bytes of memory each"));
  if (demand.labels != nullptr && !demand.labels->empty()) {
    needs.push_back(absl::StrCat("labels ", absl::StrJoin(*demand.labels, ", ", absl::PairFormatter("="))));
  }
  if (!needs.empty()) absl::StrAppend(&text, " with ", absl::StrJoin(needs, " and "));
  return text;
}

// "in 12.5 s"
std::string In(int64_t unix_ms, int64_t now_unix_ms) {
  return absl::StrCat("in ", FormatFixed(static_cast<double>(unix_ms - now_unix_ms) / 1000, 1), " s");
}

std::string DescribeOffer(const SchedulingProblem& problem) {
  int cpu = 0;
  int cuda = 0;
  int draining = 0;
  for (const OfferedSlot& slot : problem.slots) {
    draining += slot.draining;
    if (!slot.draining) ++(slot.device == v1::DEVICE_KIND_CUDA ? cuda : cpu);
  }
  std::string text = absl::StrCat("the connected workers have ", cpu, " of CPUs and ", cuda, " of GPUs");
  if (draining > 0) absl::StrAppend(&text, ", beside ", draining, " of workers that drain");
  return text;
}

std::string Explain(const SchedulingProblem& problem, const WaitingGang& gang, const Wait& wait) {
  switch (wait.reason) {
    case v1::WAIT_REASON_BACKING_OFF:
      return absl::StrCat("an attempt failed; the next one may start ", In(wait.start_unix_ms, problem.now_unix_ms));
    case v1::WAIT_REASON_RANKS_STOPPING:
      return "ranks of its attempt before may still run";
    case v1::WAIT_REASON_NO_SUCH_SLOTS:
      return absl::StrCat(Wanted(problem, gang), " of one kind of device; there are ", wait.available,
                          " like that: ", DescribeOffer(problem));
    case v1::WAIT_REASON_QUOTA_TOO_SMALL:
      return absl::StrCat(Wanted(problem, gang), "; the quota of its user is ", Slots(wait.available));
    case v1::WAIT_REASON_QUOTA_REACHED:
      return absl::StrCat(Wanted(problem, gang), "; the quota of its user leaves ", Slots(wait.available),
                          " to those of the user's gangs that come first");
    case v1::WAIT_REASON_NEXT:
      return absl::StrCat("comes next: ", Wanted(problem, gang), ", ", wait.available, " free; ",
                          wait.start_unix_ms == 0 ? "when enough are free is not known"
                                                  : absl::StrCat("by the estimates enough are free ",
                                                                 In(wait.start_unix_ms, problem.now_unix_ms)));
    case v1::WAIT_REASON_PREEMPTING:
      return absl::StrCat("comes next: ", Wanted(problem, gang), "; ranks are being stopped for it");
    case v1::WAIT_REASON_BEHIND:
      return absl::StrCat(Wanted(problem, gang), ", ", wait.available, " free, which are kept for ",
                          problem.waiting[wait.ahead].gang_id, ", which comes first");
    case v1::WAIT_REASON_STARTING:
      return "is being given slots";
    default:
      return "";
  }
}

}  // namespace

v1::GangWait ExplainWait(const SchedulingProblem& problem, int index, const Wait& wait) {
  const WaitingGang& gang = problem.waiting[index];
  v1::GangWait explained;
  explained.set_gang_id(std::string(gang.gang_id));
  explained.set_reason(wait.reason);
  explained.set_explanation(Explain(problem, gang, wait));
  explained.set_slots_wanted(gang.least_ranks());
  explained.set_slots_available(wait.available);
  explained.set_start_unix_ms(wait.start_unix_ms);
  if (wait.ahead >= 0) explained.set_ahead_gang_id(std::string(problem.waiting[wait.ahead].gang_id));
  return explained;
}

v1::GangWait ExplainHeld(absl::string_view gang_id) {
  v1::GangWait explained;
  explained.set_gang_id(std::string(gang_id));
  explained.set_reason(v1::WAIT_REASON_HELD);
  explained.set_explanation("is held until it is resumed");
  return explained;
}

}  // namespace seedbed
