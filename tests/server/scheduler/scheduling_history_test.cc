// Gangs come and go on a random cluster, with nothing but passes to decide about them. Whatever happens, the promises
// of scheduling_pass.h hold.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "gtest/gtest.h"
#include "tests/server/scheduler/problem_builder.h"

namespace seedbed {
namespace {

constexpr int kUsers = 3;

struct Gang {
  int user = 0;
  int priority = 0;
  int ranks = 0;
  double seconds = 0;  // 0 = nobody knows.
  int64_t memory_bytes = 0;
  std::vector<std::string> slots;  // While it runs.
  double placed = 0;
  double ends = 0;
};

class History {
 public:
  explicit History(uint64_t seed) : random_(seed) {
    for (uint64_t i = random_.Below(4) + 1; i > 0; --i) {
      const auto device = random_.Below(3) == 0 ? v1::DEVICE_KIND_CUDA : v1::DEVICE_KIND_CPU;
      const int64_t memory = static_cast<int64_t>(random_.Below(3)) * 40;
      workers_.push_back({absl::StrCat("w", i), static_cast<int>(random_.Below(5)) + 1, device, memory});
    }
    quota_ = random_.Below(2) == 0 ? 0 : 3;
  }

  void Run() {
    for (int round = 0; round < 60; ++round) {
      if (round < 30) Submit();
      Pass();
      EndSome();
    }
    // Nothing is submitted any more: whoever could ever run does, whatever the order.
    for (int round = 0; round < 2000; ++round) {
      Pass();
      if (running_.empty()) Pass();  // The one before may have done nothing but stop gangs for others.
      if (running_.empty()) break;
      EndSome();
    }
    for (const auto& [id, gang] : waiting_) {
      const int ranks = std::max(1, gang.ranks);
      const bool too_large = ranks > LargestPool(gang.memory_bytes) || (quota_ > 0 && gang.user == 0 && ranks > quota_);
      EXPECT_TRUE(too_large) << id << " starved";
    }
  }

 private:
  struct WorkerShape {
    std::string name;
    int slots = 0;
    v1::DeviceKind device = v1::DEVICE_KIND_CPU;
    int64_t memory_bytes = 0;
  };

  int LargestPool(int64_t memory_bytes) const {
    std::map<v1::DeviceKind, int> slots;
    for (const WorkerShape& worker : workers_) {
      if (worker.memory_bytes == 0 || worker.memory_bytes >= memory_bytes) slots[worker.device] += worker.slots;
    }
    return std::max(slots[v1::DEVICE_KIND_CPU], slots[v1::DEVICE_KIND_CUDA]);
  }

  void Submit() {
    Gang gang;
    gang.user = static_cast<int>(random_.Below(kUsers));
    gang.priority = static_cast<int>(random_.Below(3));
    gang.ranks = static_cast<int>(random_.Below(6));
    gang.seconds = static_cast<double>(random_.Below(40));
    gang.memory_bytes = static_cast<int64_t>(random_.Below(3)) * 40;
    waiting_.emplace(absl::StrCat("g", 1000 + submitted_++), gang);
  }

  void Describe(ProblemBuilder& builder) {
    for (const WorkerShape& worker : workers_) {
      builder.Worker(worker.name, worker.slots, {worker.device, worker.memory_bytes, {}, "", false});
    }
    builder.problem().users = std::vector<SchedulingUser>(kUsers);
    builder.problem().users[0].most_slots = quota_;
    for (const auto& [id, gang] : running_) {
      const bool is_known = gang.seconds > 0;
      RunningGang& added = builder.Running(id, gang.slots, is_known ? std::optional(gang.ends - now_) : std::nullopt);
      added.user = gang.user;
      added.priority = gang.priority;
      added.placed_unix_ms = static_cast<int64_t>(1000 * gang.placed);
    }
    for (const auto& [id, gang] : waiting_) {
      const int demand = builder.DemandFor(gang.memory_bytes, {});
      WaitingGang& added = builder.Waiting(id, gang.ranks);
      added.user = gang.user;
      added.priority = gang.priority;
      added.demand = demand;
      added.work = {0, gang.seconds, 1};
    }
  }

  void Pass() {
    ProblemBuilder builder;
    Describe(builder);
    const Schedule schedule = MakeSchedule(builder.problem());
    ExpectSame(schedule, MakeSchedule(builder.problem()));
    for (const Preemption& preemption : schedule.preemptions) Stop(builder.problem(), preemption);
    for (const Placement& placement : schedule.placements) Start(builder.problem(), placement);
    CheckHeld();
  }

  static void ExpectSame(const Schedule& a, const Schedule& b) {
    ASSERT_EQ(a.placements.size(), b.placements.size());
    for (size_t i = 0; i < a.placements.size(); ++i) {
      EXPECT_EQ(a.placements[i].gang, b.placements[i].gang);
      EXPECT_EQ(a.placements[i].slots, b.placements[i].slots);
    }
    ASSERT_EQ(a.preemptions.size(), b.preemptions.size());
  }

  void Stop(const SchedulingProblem& problem, const Preemption& preemption) {
    const RunningGang& victim = problem.running[preemption.victim];
    EXPECT_LT(victim.priority, problem.waiting[preemption.by].priority);
    const auto stopped = running_.find(std::string(victim.gang_id));
    ASSERT_NE(stopped, running_.end());
    waiting_.emplace(stopped->first, stopped->second);
    running_.erase(stopped);
  }

  void Start(const SchedulingProblem& problem, const Placement& placement) {
    const auto node = waiting_.extract(std::string(problem.waiting[placement.gang].gang_id));
    ASSERT_FALSE(node.empty());
    Gang gang = node.mapped();
    ASSERT_FALSE(placement.slots.empty());
    EXPECT_TRUE(gang.ranks == 0 || static_cast<int>(placement.slots.size()) == gang.ranks);
    gang.slots.clear();
    for (const int index : placement.slots) {
      const OfferedSlot& slot = problem.slots[index];
      EXPECT_EQ(slot.device, problem.slots[placement.slots[0]].device);
      EXPECT_TRUE(slot.memory_bytes == 0 || slot.memory_bytes >= gang.memory_bytes);
      gang.slots.push_back(absl::StrCat(slot.worker, "/", slot.slot));
    }
    gang.placed = now_;
    gang.ends = now_ + (gang.seconds > 0 ? gang.seconds : 1 + static_cast<double>(random_.Below(40)));
    running_.emplace(node.key(), gang);
  }

  void CheckHeld() const {
    std::set<std::string> held;
    int of_first_user = 0;
    for (const auto& [id, gang] : running_) {
      for (const std::string& slot : gang.slots) EXPECT_TRUE(held.insert(slot).second) << "two gangs on " << slot;
      if (gang.user == 0) of_first_user += static_cast<int>(gang.slots.size());
    }
    EXPECT_TRUE(quota_ == 0 || of_first_user <= quota_);
  }

  // Goes on to the next end, or a second.
  void EndSome() {
    double next = now_ + 1;
    for (const auto& [id, gang] : running_) next = std::min(next, gang.ends);
    now_ = std::max(now_, next);
    for (auto gang = running_.begin(); gang != running_.end();) {
      gang = gang->second.ends <= now_ ? running_.erase(gang) : std::next(gang);
    }
  }

  SplitMix64 random_;
  std::vector<WorkerShape> workers_;
  std::map<std::string, Gang> waiting_;  // By id, which is by submission.
  std::map<std::string, Gang> running_;
  int quota_ = 0;
  int submitted_ = 0;
  double now_ = 0;
};

TEST(SchedulingHistory, NothingIsGivenTwiceAndNobodyStarves) {
  for (uint64_t seed = 0; seed < 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    History(seed).Run();
  }
}

// One kind of slot, known durations: a gang that was promised a time starts by then, whatever is filled in before it.
TEST(SchedulingHistory, FillingInNeverDelaysAReservation) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    SplitMix64 random(seed);
    const int slots = 2 + static_cast<int>(random.Below(7));
    struct Job {
      std::string id;
      int ranks;
      int64_t milliseconds;
    };
    std::vector<Job> waiting;
    for (int i = 0; i < 25; ++i) {
      waiting.push_back({absl::StrCat("g", i), 1 + static_cast<int>(random.Below(slots)),
                         1000 * (1 + static_cast<int64_t>(random.Below(50)))});
    }
    std::map<std::string, std::pair<int64_t, std::vector<std::string>>> running;  // End, slots.
    std::map<std::string, int64_t> promised;
    int64_t now = ProblemBuilder::kNow;
    while (!waiting.empty()) {
      ProblemBuilder builder;
      builder.Worker("a", slots);
      builder.problem().now_unix_ms = now;
      for (const auto& [id, run] : running) {
        builder.Running(id, run.second).end_unix_ms = run.first;
      }
      for (const Job& job : waiting) {
        builder.Waiting(job.id, job.ranks).work = {0, static_cast<double>(job.milliseconds) / 1000, 1};
      }
      builder.Solve();
      const Schedule schedule = MakeSchedule(builder.problem());
      std::set<std::string> placed;
      for (const Placement& placement : schedule.placements) {
        const Job& job = waiting[placement.gang];
        auto& run = running[job.id];
        run.first = now + job.milliseconds;
        for (const int slot : placement.slots)
          run.second.push_back(absl::StrCat("a/", builder.problem().slots[slot].slot));
        const auto promise = promised.find(job.id);
        EXPECT_TRUE(promise == promised.end() || now <= promise->second) << "seed " << seed << ", " << job.id;
        placed.insert(job.id);
      }
      for (size_t i = 0; i < waiting.size(); ++i) {
        if (schedule.waits[i].start_unix_ms > 0) promised[waiting[i].id] = schedule.waits[i].start_unix_ms;
      }
      waiting.erase(
          std::remove_if(waiting.begin(), waiting.end(), [&](const Job& job) { return placed.count(job.id) > 0; }),
          waiting.end());
      ASSERT_FALSE(running.empty()) << "seed " << seed;
      now = running.begin()->second.first;
      for (const auto& [id, run] : running) now = std::min(now, run.first);
      for (auto run = running.begin(); run != running.end();) {
        run = run->second.first <= now ? running.erase(run) : std::next(run);
      }
    }
  }
}

}  // namespace
}  // namespace seedbed
