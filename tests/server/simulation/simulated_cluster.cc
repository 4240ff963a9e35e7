#include "tests/server/simulation/simulated_cluster.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/scheduler/retry_policy.h"
#include "server/state/ids.h"
#include "tests/server/support/sweep_event.h"

namespace seedbed {
namespace {

constexpr int64_t kStepMs = 500;
constexpr int kMostPeacefulSteps = 2000;

bool IsRunning(v1::RunState state) {
  return state == v1::RUN_STATE_PLACED || state == v1::RUN_STATE_TRAINING || state == v1::RUN_STATE_EXPORTING;
}

}  // namespace

SimulatedCluster::SimulatedCluster(uint64_t seed) : random_(seed) {
  const int workers = 1 + static_cast<int>(random_.Below(3));
  for (int w = 0; w < workers; ++w) {
    Worker& worker = workers_.emplace_back();
    worker.name = absl::StrCat("w", w);
    worker.device = Chance(3) ? v1::DEVICE_KIND_CUDA : v1::DEVICE_KIND_CPU;
    if (Chance(2)) worker.labels["rack"] = "one";
    for (int s = static_cast<int>(random_.Below(3)); s >= 0; --s) worker.slots.push_back(absl::StrCat(s));
  }
}

void SimulatedCluster::Blame(const std::string& what) {
  if (violation_.empty()) violation_ = absl::StrCat("after event ", state_.last_event(), ": ", what);
}

v1::Event SimulatedCluster::EventOf(const std::string& sweep_id) const {
  v1::Event event;
  event.set_sweep_id(sweep_id);
  return event;
}

void SimulatedCluster::Apply(v1::Event event) {
  event.set_number(state_.last_event() + 1);
  event.set_time_unix_ms(now_ms_);
  if (const absl::Status status = state_.Apply(event); !status.ok()) Blame(std::string(status.message()));
  CheckInvariants();
}

void SimulatedCluster::ExpectRefused(v1::Event event) {
  event.set_number(state_.last_event() + 1);
  event.set_time_unix_ms(now_ms_);
  const RunCounts before = state_.run_counts();
  if (state_.Apply(event).ok()) return Blame(absl::StrCat("a late report was taken: ", event.ShortDebugString()));
  if (state_.run_counts() != before) Blame("an event that was refused has changed something");
}

void SimulatedCluster::Run(int steps) {
  for (int step = 0; step < steps && violation_.empty(); ++step) {
    Trouble();
    ReapProcesses();
    Schedule();
    now_ms_ += kStepMs;
  }
  MakePeace();
  LiveInPeace();
}

void SimulatedCluster::Trouble() {
  if (Chance(3)) Submit();
  if (Chance(6)) Ask();
  if (Chance(12)) LoseWorker(workers_[random_.Below(workers_.size())]);
  for (Worker& worker : workers_) worker.connected = worker.connected || Chance(3);
  if (Chance(4)) RepeatAReport();
  if (state_.active_gangs().empty()) return;
  const GangRecord& gang = *Pick(state_.active_gangs()).second;
  if (Chance(6)) {
    const v1::FailureKind kinds[] = {v1::FAILURE_KIND_RANK_DIED, v1::FAILURE_KIND_IO, v1::FAILURE_KIND_USER_ERROR,
                                     v1::FAILURE_KIND_OUT_OF_MEMORY};
    FailAttempt(gang, kinds[random_.Below(4)]);
  } else {
    Work(gang);
  }
}

void SimulatedCluster::Submit() {
  const std::string id = SweepId(static_cast<int64_t>(state_.sweeps().size()) + 1);
  v1::Event event = SweepEvent(id, 1 + static_cast<int>(random_.Below(2)), 1 + static_cast<int>(random_.Below(3)));
  v1::SweepSubmitted& body = *event.mutable_sweep_submitted();
  body.mutable_spec()->mutable_scheduling()->set_priority(static_cast<int>(random_.Below(3)));
  body.mutable_spec()->mutable_scheduling()->set_user(absl::StrCat("u", random_.Below(2)));
  if (Chance(6)) (*body.mutable_spec()->mutable_resources()->mutable_labels())["rack"] = "one";
  const int ranks = static_cast<int>(random_.Below(4));
  for (v1::Gang& gang : *body.mutable_gangs()) {
    gang.set_ranks_wanted(ranks);
    if (Chance(2)) gang.mutable_estimate()->set_steps_flops(static_cast<double>(1 + random_.Below(100)));
  }
  Apply(event);
  if (!Chance(8)) return;
  v1::Event held = EventOf(id);
  for (const v1::Run& run : body.runs()) held.mutable_runs_held()->add_run_ids(run.run_id());
  Apply(held);
}

void SimulatedCluster::Schedule() {
  ClusterFacts facts;
  for (const Worker& worker : workers_) {
    if (!worker.connected) continue;
    for (const std::string& slot : worker.slots) {
      const auto found = processes_.find({worker.name, slot});
      const bool is_busy = found != processes_.end() && !found->second.empty();
      facts.slots.push_back({worker.name, slot, worker.name, worker.device, 0, &worker.labels,
                             state_.draining_workers().contains(worker.name),
                             is_busy ? SlotUse::kStopping : SlotUse::kFree});
    }
  }
  facts.previous_ranks_are_gone = [&](const GangRecord& gang) {
    return std::none_of(processes_.begin(), processes_.end(), [&](const auto& entry) {
      return std::any_of(entry.second.begin(), entry.second.end(),
                         [&](const Process& process) { return process.gang_id == gang.gang.gang_id(); });
    });
  };
  facts.end_unix_ms = [&](const GangRecord& gang) -> std::optional<int64_t> {
    if (gang.order % 2 == 0) return std::nullopt;
    return gang.placed_unix_ms + 20 * kStepMs;
  };
  const StateProblem posed = ProblemOf(state_, facts, now_ms_, {});
  const seedbed::Schedule schedule = MakeSchedule(posed.problem);
  for (const Preemption& preemption : schedule.preemptions) {
    EndAttempt(*posed.running[preemption.victim], nullptr, v1::INTERRUPTION_PREEMPTED, /*ranks_are_gone=*/false);
  }
  for (const Placement& placement : schedule.placements) Place(posed, placement);
}

void SimulatedCluster::Place(const StateProblem& posed, const Placement& placement) {
  const GangRecord& gang = *posed.waiting[placement.gang];
  v1::Event event = EventOf(gang.gang.sweep_id());
  v1::GangPlaced& body = *event.mutable_gang_placed();
  body.set_gang_id(gang.gang.gang_id());
  body.set_attempt(gang.gang.attempt() + 1);
  for (const int index : placement.slots) {
    const OfferedSlot& slot = posed.problem.slots[index];
    body.set_device(slot.device);
    v1::RankPlacement& rank = *body.add_placements();
    rank.set_rank(body.placements_size() - 1);
    rank.set_worker(std::string(slot.worker));
    rank.set_slot(std::string(slot.slot));
    std::vector<Process>& processes = processes_[{rank.worker(), rank.slot()}];
    if (!processes.empty()) Blame(absl::StrCat(rank.worker(), "/", rank.slot(), " was given while a rank is on it"));
    if (slot.draining) Blame(absl::StrCat(rank.worker(), " was given a rank while it drains"));
    processes.push_back({body.gang_id(), body.attempt(), -1});
  }
  Apply(event);
}

void SimulatedCluster::EndAttempt(const GangRecord& gang, const v1::Failure* failure, v1::Interruption why,
                                  bool ranks_are_gone) {
  v1::Event event = EventOf(gang.gang.sweep_id());
  v1::GangAttemptEnded& body = *event.mutable_gang_attempt_ended();
  body.set_gang_id(gang.gang.gang_id());
  body.set_attempt(gang.gang.attempt());
  body.set_interruption(why);
  if (failure != nullptr) {
    *body.mutable_failure() = *failure;
    const auto backoff = RetryBackoffMs(failure->kind(), gang.failed_attempts[failure->kind()] + 1);
    body.set_not_before_unix_ms(backoff.has_value() ? now_ms_ + *backoff : 0);
  }
  for (const v1::RankPlacement& placement : gang.gang.placements()) {
    std::vector<Process>& processes = processes_[{placement.worker(), placement.slot()}];
    for (Process& process : processes) process.stopped_at_ms = now_ms_;
    if (ranks_are_gone) processes.clear();
  }
  Apply(event);
  reports_.push_back(event);
}

void SimulatedCluster::Work(const GangRecord& gang) {
  const std::vector<std::string> attempt_run_ids = gang.attempt_run_ids;
  const auto report = [&](v1::Event event) {
    Apply(event);
    reports_.push_back(std::move(event));
  };
  for (const std::string& run_id : attempt_run_ids) {
    const v1::RunState run_state = state_.FindRun(run_id)->state();
    if (!IsRunning(run_state) || Chance(3)) continue;
    v1::Event event = EventOf(gang.gang.sweep_id());
    if (run_state == v1::RUN_STATE_EXPORTING) {
      event.mutable_run_succeeded()->set_run_id(run_id);
      event.mutable_run_succeeded()->set_attempt(gang.gang.attempt());
    } else if (Chance(15)) {
      event.mutable_run_failed()->set_run_id(run_id);
      event.mutable_run_failed()->set_attempt(gang.gang.attempt());
      event.mutable_run_failed()->mutable_failure()->set_kind(v1::FAILURE_KIND_NOT_FINITE);
    } else {
      v1::RunsAdvanced& body = *event.mutable_runs_advanced();
      body.set_gang_id(gang.gang.gang_id());
      body.set_attempt(gang.gang.attempt());
      body.add_run_ids(run_id);
      body.set_state(run_state == v1::RUN_STATE_PLACED ? v1::RUN_STATE_TRAINING : v1::RUN_STATE_EXPORTING);
    }
    report(std::move(event));
  }
  const bool is_done = std::all_of(gang.attempt_run_ids.begin(), gang.attempt_run_ids.end(),
                                   [&](const auto& run_id) { return HasEnded(state_.FindRun(run_id)->state()); });
  if (is_done) EndAttempt(gang, nullptr, v1::INTERRUPTION_UNSPECIFIED, /*ranks_are_gone=*/true);
}

void SimulatedCluster::FailAttempt(const GangRecord& gang, v1::FailureKind kind) {
  v1::Failure failure;
  failure.set_kind(kind);
  if (!RetryBackoffMs(kind, gang.failed_attempts[kind] + 1).has_value()) {
    const std::vector<std::string> run_ids = gang.attempt_run_ids;
    for (const std::string& run_id : run_ids) {
      if (HasEnded(state_.FindRun(run_id)->state())) continue;
      v1::Event event = EventOf(gang.gang.sweep_id());
      event.mutable_run_failed()->set_run_id(run_id);
      event.mutable_run_failed()->set_attempt(gang.gang.attempt());
      *event.mutable_run_failed()->mutable_failure() = failure;
      Apply(event);
    }
  }
  EndAttempt(gang, &failure, v1::INTERRUPTION_UNSPECIFIED, /*ranks_are_gone=*/Chance(2));
}

void SimulatedCluster::LoseWorker(Worker& worker) {
  worker.connected = false;
  for (const std::string& slot : worker.slots) processes_.erase({worker.name, slot});
  std::set<const GangRecord*> lost;
  const auto occupied = state_.occupied_slots().find(worker.name);
  if (occupied == state_.occupied_slots().end()) return;
  for (const auto& [slot, gang] : occupied->second) lost.insert(gang);
  std::vector<const GangRecord*> in_order(lost.begin(), lost.end());
  std::sort(in_order.begin(), in_order.end(), [](auto* a, auto* b) { return a->order < b->order; });
  for (const GangRecord* gang : in_order) FailAttempt(*gang, v1::FAILURE_KIND_WORKER_LOST);
}

void SimulatedCluster::Ask() {
  if (Chance(3)) {
    v1::Event event;
    event.mutable_worker_drain_changed()->set_worker(Pick(workers_).name);
    event.mutable_worker_drain_changed()->set_draining(Chance(2));
    return Apply(event);
  }
  if (Chance(6)) {
    v1::Event event;
    event.mutable_quota_changed()->set_user(absl::StrCat("u", random_.Below(2)));
    event.mutable_quota_changed()->set_most_slots(static_cast<int>(random_.Below(4)));
    event.mutable_quota_changed()->set_share(static_cast<double>(1 + random_.Below(3)));
    return Apply(event);
  }
  if (!state_.sweeps().empty()) AskOfRuns(Pick(state_.sweeps()));
}

void SimulatedCluster::InterruptFor(const std::vector<std::string>& run_ids, v1::Interruption why) {
  for (const std::string& run_id : run_ids) {
    const v1::Run& run = *state_.FindRun(run_id);
    if (IsRunning(run.state())) EndAttempt(*state_.FindGang(run.gang_id()), nullptr, why, /*ranks_are_gone=*/false);
  }
}

void SimulatedCluster::AskOfRuns(const SweepRecord& sweep) {
  const uint64_t what = random_.Below(4);
  std::vector<std::string> chosen;
  for (const std::string& run_id : sweep.run_ids) {
    const v1::RunState run_state = state_.FindRun(run_id)->state();
    const bool is_live = !HasEnded(run_state);
    const bool fits = what == 0   ? is_live && run_state != v1::RUN_STATE_HELD
                      : what == 1 ? run_state == v1::RUN_STATE_HELD
                      : what == 2 ? is_live
                                  : run_state == v1::RUN_STATE_FAILED && !sweep.cancelled;
    if (fits && !Chance(3)) chosen.push_back(run_id);
  }
  if (chosen.empty()) return;
  v1::Event event = EventOf(sweep.sweep_id);
  if (what == 0) {
    InterruptFor(chosen, v1::INTERRUPTION_RUNS_HELD);
    event.mutable_runs_held()->mutable_run_ids()->Assign(chosen.begin(), chosen.end());
  } else if (what == 1) {
    event.mutable_runs_resumed()->mutable_run_ids()->Assign(chosen.begin(), chosen.end());
  } else if (what == 2) {
    InterruptFor(chosen, v1::INTERRUPTION_RUNS_CANCELLED);
    event.mutable_runs_cancelled()->mutable_run_ids()->Assign(chosen.begin(), chosen.end());
  } else {
    event.mutable_runs_retried()->mutable_run_ids()->Assign(chosen.begin(), chosen.end());
  }
  Apply(event);
}

// What a rank reported once, again: it must be refused unless nothing has happened since.
void SimulatedCluster::RepeatAReport() {
  if (reports_.empty()) return;
  const v1::Event& report = Pick(reports_);
  const bool ended_attempt = report.has_gang_attempt_ended();
  const bool ended_run = report.has_run_succeeded() || report.has_run_failed();
  if (ended_attempt || ended_run) ExpectRefused(report);
}

void SimulatedCluster::ReapProcesses() {
  for (auto& [slot, processes] : processes_) {
    processes.erase(std::remove_if(processes.begin(), processes.end(),
                                   [&](const Process& process) {
                                     return process.stopped_at_ms >= 0 && process.stopped_at_ms < now_ms_ && Chance(2);
                                   }),
                    processes.end());
  }
}

void SimulatedCluster::MakePeace() {
  for (Worker& worker : workers_) worker.connected = true;
  const auto draining = state_.draining_workers();
  for (const std::string& worker : draining) {
    v1::Event event;
    event.mutable_worker_drain_changed()->set_worker(worker);
    Apply(event);
  }
  for (const char* user : {"u0", "u1"}) {
    v1::Event event;
    event.mutable_quota_changed()->set_user(user);
    event.mutable_quota_changed()->set_share(1);
    Apply(event);
  }
  for (const SweepRecord& sweep : state_.sweeps()) {
    v1::Event event = EventOf(sweep.sweep_id);
    for (const std::string& run_id : sweep.run_ids) {
      if (state_.FindRun(run_id)->state() == v1::RUN_STATE_HELD) event.mutable_runs_resumed()->add_run_ids(run_id);
    }
    if (event.has_runs_resumed()) Apply(event);
  }
}

void SimulatedCluster::LiveInPeace() {
  for (int step = 0; step < kMostPeacefulSteps && violation_.empty(); ++step) {
    ReapProcesses();
    Schedule();
    if (state_.active_gangs().empty() && state_.backing_off().empty()) break;
    const auto active = state_.active_gangs();
    for (const auto& [order, gang] : active) Work(*gang);
    now_ms_ += kStepMs;
  }
  // Stopping ranks may be the last that anything waits for.
  for (auto& [slot, processes] : processes_) processes.clear();
  const int64_t before = state_.last_event();
  if (violation_.empty()) Schedule();
  if (state_.last_event() != before) return LiveInPeace();
  for (const auto& [order, gang] : state_.queued_gangs()) {
    int fitting = 0;
    std::map<v1::DeviceKind, int> slots;
    for (const Worker& worker : workers_) {
      if (HasLabels(&worker.labels, &gang->sweep->labels))
        slots[worker.device] += static_cast<int>(worker.slots.size());
    }
    for (const auto& [device, count] : slots) fitting = std::max(fitting, count);
    if (fitting >= std::max(1, gang->gang.ranks_wanted())) Blame(absl::StrCat(gang->gang.gang_id(), " starves"));
  }
}

void SimulatedCluster::CheckInvariants() {
  CheckRunsAndGangs();
  CheckSlots();
  CheckUsers();
}

void SimulatedCluster::CheckRunsAndGangs() {
  RunCounts counts = {};
  size_t queued = 0;
  size_t active = 0;
  for (const SweepRecord& sweep : state_.sweeps()) {
    for (const std::string& gang_id : sweep.gang_ids) {
      const GangRecord& gang = *state_.FindGang(gang_id);
      bool has_queued = false;
      int unended = 0;
      for (const std::string& run_id : gang.gang.run_ids()) {
        const v1::RunState run_state = state_.FindRun(run_id)->state();
        ++counts[run_state];
        has_queued = has_queued || run_state == v1::RUN_STATE_QUEUED;
        unended += !HasEnded(run_state);
        if (IsRunning(run_state) && gang.gang.state() != v1::GANG_STATE_ACTIVE)
          Blame(absl::StrCat(run_id, " runs nowhere"));
      }
      if (unended != gang.unended_runs) Blame(absl::StrCat(gang_id, " has miscounted its runs"));
      const v1::GangState expected = has_queued    ? v1::GANG_STATE_QUEUED
                                     : unended > 0 ? v1::GANG_STATE_HELD
                                                   : v1::GANG_STATE_ENDED;
      active += gang.gang.state() == v1::GANG_STATE_ACTIVE;
      queued += gang.gang.state() == v1::GANG_STATE_QUEUED;
      if (gang.gang.state() != v1::GANG_STATE_ACTIVE && gang.gang.state() != expected) {
        Blame(absl::StrCat(gang_id, " is in state ", gang.gang.state(), ", not ", expected));
      }
    }
  }
  if (counts != state_.run_counts()) Blame("runs are miscounted");
  if (queued != state_.queued_gangs().size()) Blame("the queue is not that of the gangs");
  if (active != state_.active_gangs().size()) Blame("active gangs are miscounted");
}

void SimulatedCluster::CheckSlots() {
  size_t given = 0;
  for (const auto& [order, gang] : state_.active_gangs()) {
    given += gang->gang.placements_size();
    for (const v1::RankPlacement& placement : gang->gang.placements()) {
      const auto worker = state_.occupied_slots().find(placement.worker());
      if (worker == state_.occupied_slots().end() || worker->second.find(placement.slot()) == worker->second.end() ||
          worker->second.at(placement.slot()) != gang) {
        Blame(absl::StrCat(gang->gang.gang_id(), " does not hold its slots"));
      }
    }
  }
  size_t occupied = 0;
  for (const auto& [worker, slots] : state_.occupied_slots()) occupied += slots.size();
  if (occupied != given) Blame("slots are held by nobody");
  std::map<std::string, std::set<int>> attempts;
  for (const auto& [slot, processes] : processes_) {
    for (const Process& process : processes) attempts[process.gang_id].insert(process.attempt);
  }
  for (const auto& [gang, running] : attempts) {
    if (running.size() > 1) Blame(absl::StrCat("two attempts of ", gang, " run at once"));
  }
}

void SimulatedCluster::CheckUsers() {
  std::map<std::string, int> held;
  for (const auto& [order, gang] : state_.active_gangs()) {
    held[gang->sweep->user->name] += gang->gang.placements_size();
  }
  for (const auto& [name, user] : state_.users()) {
    const int counted = user.usage.held(v1::DEVICE_KIND_CPU) + user.usage.held(v1::DEVICE_KIND_CUDA);
    if (counted != held[name]) Blame(absl::StrCat("the slots of ", name, " are miscounted"));
  }
}

}  // namespace seedbed
