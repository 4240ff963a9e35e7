#include "server/coordinator/coordinator.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/status.h"
#include "server/coordinator/event_lines.h"
#include "server/coordinator/schedule_pass.h"
#include "server/scheduler/explanation.h"
#include "server/scheduler/scheduling_pass.h"

namespace seedbed {
namespace {

constexpr int kReplayPage = 1000;

// What a caller is told when the log refused its events.
absl::Status LogRefused(const absl::Status& status) {
  const absl::StatusCode code = absl::IsResourceExhausted(status) ? status.code() : absl::StatusCode::kUnavailable;
  return absl::Status(code, absl::StrCat("the event log can't be written, so nothing was changed: ", status.message()));
}

}  // namespace

Coordinator::Coordinator(CoordinatorOptions options, const CoordinatorDependencies& dependencies)
    : options_(std::move(options)),
      store_(dependencies.store),
      clock_(dependencies.clock),
      alarm_(dependencies.alarm),
      metrics_(dependencies.metrics),
      workers_(clock_->Monotonic(), options_.lease + options_.lease_grace),
      inspections_(options_.inspections, absl::StrCat("i", absl::ToUnixMillis(clock_->Now())), clock_->Monotonic()),
      submission_limiter_(options_.submissions, clock_->Monotonic()),
      last_directive_(absl::ToUnixMicros(clock_->Now())),
      last_pass_(clock_->Monotonic()) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Recover(CoordinatorOptions options,
                                                                  const CoordinatorDependencies& dependencies) {
  auto coordinator = std::unique_ptr<Coordinator>(new Coordinator(std::move(options), dependencies));
  absl::MutexLock lock(&coordinator->mutex_);
  RETURN_IF_ERROR(coordinator->Replay());
  coordinator->SetAlarm();
  return coordinator;
}

absl::Status Coordinator::Replay() {
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<v1::Event> page, store_->ReadAfter(state_.last_event(), kReplayPage));
    if (page.empty()) break;
    for (const v1::Event& event : page) {
      if (const absl::Status status = state_.Apply(event); !status.ok()) {
        return absl::DataLossError(absl::StrCat("the event log contradicts itself: ", status.message()));
      }
    }
  }
  Log(LogLevel::kInfo, "state recovered",
      {{"events", state_.last_event()},
       {"sweeps", state_.sweeps().size()},
       {"gangs_active", state_.active_gangs().size()},
       {"gangs_queued", state_.queued_gangs().size()}});
  return absl::OkStatus();
}

ReviewTime Coordinator::Now() const { return {clock_->Monotonic(), absl::ToUnixMillis(clock_->Now())}; }

absl::Status Coordinator::Commit(Decision& decision) {
  std::vector<v1::Event> events = decision.Take();
  if (events.empty()) return absl::OkStatus();
  int64_t number = state_.last_event();
  const int64_t now_unix_ms = Now().unix_ms;
  for (v1::Event& event : events) {
    event.set_number(++number);
    event.set_time_unix_ms(now_unix_ms);
  }
  const absl::Duration begin = clock_->Monotonic();
  const absl::Status appended = store_->Append(events);
  if (!appended.ok()) {
    metrics_->AppendFailed();
    if (log_status_.ok()) Log(LogLevel::kError, "event log refused", {{"message", appended.message()}});
    log_status_ = LogRefused(appended);
    return log_status_;
  }
  if (!log_status_.ok()) Log(LogLevel::kInfo, "event log takes events again");
  log_status_ = absl::OkStatus();
  metrics_->EventsAppended(static_cast<int>(events.size()), clock_->Monotonic() - begin);
  for (const v1::Event& event : events) {
    MarkAffected(event);
    ForgetProgress(event);
    pass_is_due_ = pass_is_due_ || ConcernsScheduling(event);
    // A decision that contradicts the state is a defect; the log has it now, so no later decision may build on it.
    if (const absl::Status applied = state_.Apply(event); !applied.ok()) {
      Log(LogLevel::kError, "decision contradicts the state", {{"message", applied.message()}});
      log_status_ = absl::InternalError(absl::StrCat("a decision contradicts the state: ", applied.message()));
      return log_status_;
    }
  }
  AfterCommit(events);
  return absl::OkStatus();
}

void Coordinator::AfterCommit(const std::vector<v1::Event>& events) {
  absl::btree_set<absl::string_view> sweeps;
  for (const v1::Event& event : events) {
    LogEvent(event);
    sweeps.insert(event.sweep_id());
    if (event.gang_attempt_ended().has_failure()) {
      metrics_->AttemptFailed(event.gang_attempt_ended().failure().kind());
    }
    if (event.has_run_failed()) metrics_->RunFailed(event.run_failed().failure().kind());
  }
  for (const absl::string_view sweep_id : sweeps) watchers_.NotifyEvents(sweep_id);
}

void Coordinator::MarkAffected(const v1::Event& event) {
  if (event.has_gang_placed()) {
    for (const v1::RankPlacement& placement : event.gang_placed().placements()) {
      affected_workers_.insert(placement.worker());
    }
  } else if (event.has_gang_attempt_ended()) {
    const GangRecord* gang = state_.FindGang(event.gang_attempt_ended().gang_id());
    for (const v1::RankPlacement& placement : gang->gang.placements()) {
      affected_workers_.insert(placement.worker());
      workers_.SetDirective(placement.worker(), kNotSentYet);
    }
  }
}

bool Coordinator::ConcernsScheduling(const v1::Event& event) {
  switch (event.body_case()) {
    case v1::Event::kGangPlaced:
    case v1::Event::kRunsAdvanced:
    case v1::Event::kRunSucceeded:
    case v1::Event::kRunFailed:
    case v1::Event::kSiblingSetFinished:
      return false;
    default:
      return true;
  }
}

void Coordinator::ForgetProgress(const v1::Event& event) {
  if (event.has_run_succeeded()) {
    progress_.erase(event.run_succeeded().run_id());
  } else if (event.has_run_failed()) {
    progress_.erase(event.run_failed().run_id());
  } else if (event.has_gang_attempt_ended()) {
    const GangRecord* gang = state_.FindGang(event.gang_attempt_ended().gang_id());
    for (const std::string& run_id : gang->attempt_run_ids) progress_.erase(run_id);
  }
}

void Coordinator::Settle(const std::string& reporter) {
  AdvanceInspections();
  RunSchedulingPass();
  if (!reporter.empty()) affected_workers_.insert(reporter);
  for (const std::string& worker : std::exchange(affected_workers_, {})) {
    SendDirective(worker, /*is_answer=*/worker == reporter);
  }
  SetAlarm();
}

StateProblem Coordinator::PoseProblem() const {
  return seedbed::PoseProblem(state_, workers_, progress_, Now(), options_.scheduling);
}

void Coordinator::RunSchedulingPass() {
  const absl::Duration now = clock_->Monotonic();
  if (state_.queued_gangs().empty()) return;
  if (!pass_is_due_ && now - last_pass_ < options_.longest_between_passes) return;
  last_pass_ = now;
  Decision decision(state_);
  const StateProblem posed = PoseProblem();
  AddSchedule(posed, MakeSchedule(posed.problem), workers_, decision);
  // What it decides needs no other pass. Where the log refuses, the gangs stay in the queue for the next one.
  const bool is_done = Commit(decision).ok();
  pass_is_due_ = !is_done;
}

void Coordinator::SetAlarm() {
  const ReviewTime now = Now();
  // One millisecond more: a worker is lost when its silence is longer than the limit.
  absl::Duration delay = workers_.NextLoss(now.monotonic) - now.monotonic + absl::Milliseconds(1);
  const auto backing_off = state_.backing_off().upper_bound({now.unix_ms, std::numeric_limits<int64_t>::max()});
  if (backing_off != state_.backing_off().end()) {
    delay = std::min(delay, absl::Milliseconds(backing_off->first - now.unix_ms));
  }
  if (!state_.queued_gangs().empty()) delay = std::min(delay, options_.longest_between_passes);
  delay = std::min(delay, inspections_.NextDeadline(now.monotonic) - now.monotonic);
  if (delay < absl::InfiniteDuration()) alarm_->WakeAfter(delay);
}

void Coordinator::Tick() {
  absl::MutexLock lock(&mutex_);
  ReviewLostWorkers();
  pass_is_due_ = true;  // A back-off may have passed, a worker may be lost.
  Settle();
}

absl::StatusOr<v1::GetSweepResponse> Coordinator::GetSweep(const v1::GetSweepRequest& request) {
  absl::MutexLock lock(&mutex_);
  const SweepRecord* sweep = state_.FindSweep(request.sweep_id());
  if (sweep == nullptr) return NoSuchSweep(request.sweep_id());
  v1::GetSweepResponse response;
  *response.mutable_sweep() = ViewWithWaits(*sweep);
  return response;
}

v1::Sweep Coordinator::ViewWithWaits(const SweepRecord& sweep) const {
  v1::Sweep view = ViewSweep(state_, sweep, /*with_gangs=*/true);
  std::vector<const GangRecord*> waiting;
  for (const std::string& gang_id : sweep.gang_ids) {
    const GangRecord* gang = state_.FindGang(gang_id);
    const v1::GangState gang_state = gang->gang.state();
    if (gang_state == v1::GANG_STATE_QUEUED || gang_state == v1::GANG_STATE_HELD) waiting.push_back(gang);
  }
  if (waiting.empty()) return view;
  const StateProblem posed = PoseProblem();
  const Schedule schedule = MakeSchedule(posed.problem);
  for (const GangRecord* gang : waiting) *view.add_waits() = ExplainGang(posed, schedule, *gang);
  return view;
}

absl::StatusOr<v1::ListSweepsResponse> Coordinator::ListSweeps(const v1::ListSweepsRequest& request) {
  absl::MutexLock lock(&mutex_);
  return ViewSweeps(state_, request);
}

absl::StatusOr<v1::ListRunsResponse> Coordinator::ListRuns(const v1::ListRunsRequest& request) {
  absl::MutexLock lock(&mutex_);
  return ViewRuns(state_, progress_, request);
}

absl::StatusOr<v1::GetRunResponse> Coordinator::GetRun(const v1::GetRunRequest& request) {
  absl::MutexLock lock(&mutex_);
  const v1::Run* run = state_.FindRun(request.run_id());
  if (run == nullptr) return NoSuchRun(request.run_id());
  v1::GetRunResponse response;
  *response.mutable_run() = ViewRun(*run, progress_);
  return response;
}

absl::StatusOr<v1::ExplainRunResponse> Coordinator::ExplainRun(const v1::ExplainRunRequest& request) {
  absl::MutexLock lock(&mutex_);
  const v1::Run* run = state_.FindRun(request.run_id());
  if (run == nullptr) return NoSuchRun(request.run_id());
  const GangRecord& gang = *state_.FindGang(run->gang_id());
  v1::ExplainRunResponse response;
  *response.mutable_run() = ViewRun(*run, progress_);
  *response.mutable_gang() = ViewGang(gang);
  if (run->state() == v1::RUN_STATE_HELD) {
    *response.mutable_wait() = ExplainHeld(gang.gang.gang_id());
  } else if (gang.gang.state() == v1::GANG_STATE_QUEUED && !HasEnded(run->state())) {
    const StateProblem posed = PoseProblem();
    *response.mutable_wait() = ExplainGang(posed, MakeSchedule(posed.problem), gang);
  }
  return response;
}

v1::ListWorkersResponse Coordinator::ListWorkers() {
  absl::MutexLock lock(&mutex_);
  return ViewWorkers(state_, workers_);
}

v1::ListUsersResponse Coordinator::ListUsers() {
  absl::MutexLock lock(&mutex_);
  v1::ListUsersResponse response;
  for (const auto& [name, user] : state_.users()) *response.add_users() = ViewUser(user, Now().unix_ms);
  return response;
}

v1::GetServerInfoResponse Coordinator::GetServerInfo() const {
  v1::GetServerInfoResponse response;
  response.set_version(options_.version);
  response.set_results_address(options_.results_address);
  return response;
}

absl::StatusOr<uint64_t> Coordinator::AddWatcher(const v1::WatchSweepRequest& request,
                                                 std::shared_ptr<WatchSink> sink) {
  absl::MutexLock lock(&mutex_);
  const std::string& sweep_id = request.sweep_id();
  if (!sweep_id.empty() && state_.FindSweep(sweep_id) == nullptr) return NoSuchSweep(sweep_id);
  if (request.with_progress()) {
    for (const auto& [run_id, progress] : progress_) {
      if (sweep_id.empty() || state_.FindRun(run_id)->sweep_id() == sweep_id) sink->OnProgress(progress);
    }
  }
  return watchers_.Add(sweep_id, request.with_progress(), std::move(sink));
}

void Coordinator::RemoveWatcher(uint64_t watcher) {
  absl::MutexLock lock(&mutex_);
  watchers_.Remove(watcher);
}

absl::StatusOr<Coordinator::EventPage> Coordinator::ReadEvents(const std::string& sweep_id, int64_t after, int limit) {
  absl::MutexLock lock(&mutex_);
  const SweepRecord* sweep = state_.FindSweep(sweep_id);
  const int64_t last = sweep == nullptr ? state_.last_event() : sweep->last_event;
  EventPage page;
  if (after < last) {
    ASSIGN_OR_RETURN(page.events, store_->ReadAfter(after, limit, sweep_id));
  }
  const int64_t reached = page.events.empty() ? after : page.events.back().number();
  page.more = reached < last;
  page.ended = !page.more && sweep != nullptr && HasEnded(*sweep);
  return page;
}

absl::Status Coordinator::Health() const {
  absl::MutexLock lock(&mutex_);
  return log_status_;
}

CoordinatorGauges Coordinator::Gauges() const {
  absl::MutexLock lock(&mutex_);
  const absl::Duration now = clock_->Monotonic();
  const SlotCounts slots = CountSlots(state_, workers_, now);
  CoordinatorGauges gauges;
  gauges.sweeps = state_.sweep_counts();
  gauges.runs = state_.run_counts();
  gauges.gangs_queued = static_cast<int64_t>(state_.queued_gangs().size());
  gauges.gangs_active = static_cast<int64_t>(state_.active_gangs().size());
  for (const auto& [name, worker] : workers_.workers()) gauges.workers_connected += workers_.IsUsable(worker, now);
  gauges.slots = slots.live;
  gauges.slots_free = slots.free;
  gauges.sessions = static_cast<int64_t>(sessions_.size());
  gauges.watchers = static_cast<int64_t>(watchers_.size());
  gauges.log_writable = log_status_.ok();
  return gauges;
}

}  // namespace seedbed
