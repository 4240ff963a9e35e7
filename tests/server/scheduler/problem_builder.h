// A scheduling problem in the fewest words, and what a pass makes of it.
#ifndef SEEDBED_TESTS_SERVER_SCHEDULER_PROBLEM_BUILDER_H_
#define SEEDBED_TESTS_SERVER_SCHEDULER_PROBLEM_BUILDER_H_

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/scheduler/scheduling_pass.h"

namespace seedbed {

class ProblemBuilder {
 public:
  static constexpr int64_t kNow = 1'000'000;
  // A rank does one of GangWork's operations in a second.
  ProblemBuilder() {
    problem_.now_unix_ms = kNow;
    problem_.users.emplace_back();
    problem_.demands.emplace_back();
    problem_.flops_per_rank_second = {0, 1, 1};
  }

  struct WorkerSpec {
    v1::DeviceKind device = v1::DEVICE_KIND_CPU;
    int64_t memory_bytes = 0;
    Labels labels;
    std::string machine;  // Empty = its own.
    bool draining = false;
  };

  // Slots "a/0", "a/1", ... of worker a.
  ProblemBuilder& Worker(const std::string& name, int slots, const WorkerSpec& spec) {
    const std::string& worker = texts_.emplace_back(name);
    const std::string& machine = texts_.emplace_back(spec.machine.empty() ? name : spec.machine);
    const Labels* labels = spec.labels.empty() ? nullptr : &labels_.emplace_back(spec.labels);
    for (int i = 0; i < slots; ++i) {
      OfferedSlot& slot = problem_.slots.emplace_back();
      slot.worker = worker;
      slot.slot = texts_.emplace_back(absl::StrCat(i));
      slot.machine = machine;
      slot.device = spec.device;
      slot.memory_bytes = spec.memory_bytes;
      slot.labels = labels;
      slot.draining = spec.draining;
    }
    return *this;
  }
  ProblemBuilder& Worker(const std::string& name, int slots) { return Worker(name, slots, {}); }
  ProblemBuilder& Gpus(const std::string& name, int slots) {
    return Worker(name, slots, {v1::DEVICE_KIND_CUDA, 0, {}, "", false});
  }

  int User(double share, int most_slots) {
    problem_.users.push_back({share, most_slots, {}});
    return static_cast<int>(problem_.users.size()) - 1;
  }

  int DemandFor(int64_t memory_bytes, const Labels& labels) {
    problem_.demands.push_back({memory_bytes, &labels_.emplace_back(labels)});
    return static_cast<int>(problem_.demands.size()) - 1;
  }

  // Wants `ranks` (0 = any); the rest is changed in what is given back, until the next call.
  WaitingGang& Waiting(const std::string& id, int ranks) {
    WaitingGang& gang = problem_.waiting.emplace_back();
    gang.gang_id = texts_.emplace_back(id);
    gang.ranks_wanted = ranks;
    return gang;
  }

  // Holds the slots, "a/0" and so on; ends so many seconds from now.
  RunningGang& Running(const std::string& id, const std::vector<std::string>& slots,
                       std::optional<double> ends_in = std::nullopt) {
    RunningGang& gang = problem_.running.emplace_back();
    gang.gang_id = texts_.emplace_back(id);
    if (ends_in.has_value()) gang.end_unix_ms = kNow + static_cast<int64_t>(1000 * *ends_in);
    for (const std::string& name : slots) {
      const int index = SlotNamed(name);
      problem_.slots[index].use = SlotUse::kHeld;
      gang.slots.push_back(index);
    }
    return gang;
  }

  ProblemBuilder& Stopping(const std::string& slot) {
    problem_.slots[SlotNamed(slot)].use = SlotUse::kStopping;
    return *this;
  }

  SchedulingProblem& problem() { return problem_; }

  // "g0@a/0 a/1 " for each placement, "!g1>g0" for a gang that is stopped for another.
  std::vector<std::string> Solve() {
    schedule_ = MakeSchedule(problem_);
    std::vector<std::string> answers;
    for (const Preemption& preemption : schedule_.preemptions) {
      answers.push_back(
          absl::StrCat("!", problem_.running[preemption.victim].gang_id, ">", problem_.waiting[preemption.by].gang_id));
    }
    for (const Placement& placement : schedule_.placements) {
      std::string text = absl::StrCat(problem_.waiting[placement.gang].gang_id, "@");
      for (const int slot : placement.slots) {
        absl::StrAppend(&text, problem_.slots[slot].worker, "/", problem_.slots[slot].slot, " ");
      }
      answers.push_back(text);
    }
    return answers;
  }

  // Of the latest Solve.
  const Wait& WaitOf(const std::string& id) const {
    for (size_t i = 0; i < problem_.waiting.size(); ++i) {
      if (problem_.waiting[i].gang_id == id) return schedule_.waits[i];
    }
    static const Wait kNone;
    return kNone;
  }

 private:
  int SlotNamed(const std::string& name) const {
    for (size_t i = 0; i < problem_.slots.size(); ++i) {
      if (absl::StrCat(problem_.slots[i].worker, "/", problem_.slots[i].slot) == name) return static_cast<int>(i);
    }
    return -1;
  }

  std::deque<std::string> texts_;
  std::deque<Labels> labels_;
  SchedulingProblem problem_;
  Schedule schedule_;
};

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SCHEDULER_PROBLEM_BUILDER_H_
