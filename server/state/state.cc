#include "server/state/state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "server/state/contradiction.h"
#include "server/state/ids.h"
#include "server/state/submission_check.h"

namespace seedbed {
const SweepRecord* State::FindSweep(absl::string_view sweep_id) const {
  const auto found = sweeps_by_id_.find(sweep_id);
  return found == sweeps_by_id_.end() ? nullptr : found->second;
}

const SweepRecord* State::FindSweepByKey(absl::string_view idempotency_key) const {
  const auto found = sweeps_by_key_.find(idempotency_key);
  return found == sweeps_by_key_.end() ? nullptr : found->second;
}

const v1::Run* State::FindRun(absl::string_view run_id) const { return FindOrNull(runs_, run_id); }
const GangRecord* State::FindGang(absl::string_view gang_id) const { return FindOrNull(gangs_, gang_id); }
const SiblingSetRecord* State::FindSiblingSet(absl::string_view id) const { return FindOrNull(sibling_sets_, id); }

SweepRecord* State::MutableSweep(absl::string_view sweep_id) {
  const auto found = sweeps_by_id_.find(sweep_id);
  return found == sweeps_by_id_.end() ? nullptr : found->second;
}

absl::Status State::Apply(const v1::Event& event) {
  const std::string context = absl::StrCat("event ", event.number());
  if (event.number() != last_event_ + 1) {
    return Contradiction(context, ": found where event ", last_event_ + 1, " must follow");
  }
  if (event.has_sweep_submitted()) {
    RETURN_IF_ERROR(Annotate(Submit(event, event.sweep_submitted()), context));
    last_event_ = event.number();
    return absl::OkStatus();
  }
  if (event.has_worker_drain_changed() || event.has_quota_changed()) {
    RETURN_IF_ERROR(Annotate(
        event.has_quota_changed() ? ChangeQuota(event.quota_changed()) : ChangeDrain(event.worker_drain_changed()),
        context));
    last_event_ = event.number();
    return absl::OkStatus();
  }
  SweepRecord* sweep = MutableSweep(event.sweep_id());
  if (sweep == nullptr) return Contradiction(context, ": there is no sweep \"", event.sweep_id(), "\"");
  const v1::SweepState before = DeriveSweepState(*sweep);
  RETURN_IF_ERROR(Annotate(ApplyToSweep(*sweep, event), context));
  --sweep_counts_[before];
  ++sweep_counts_[DeriveSweepState(*sweep)];
  sweep->last_event = last_event_ = event.number();
  return absl::OkStatus();
}

absl::Status State::ApplyToSweep(SweepRecord& sweep, const v1::Event& event) {
  switch (event.body_case()) {
    case v1::Event::kGangPlaced:
      return Place(sweep, event.gang_placed(), event.time_unix_ms());
    case v1::Event::kRunsAdvanced:
      return Advance(sweep, event.runs_advanced());
    case v1::Event::kRunSucceeded:
      return Succeed(sweep, event.run_succeeded(), event.time_unix_ms());
    case v1::Event::kRunFailed:
      return Fail(sweep, event.run_failed(), event.time_unix_ms());
    case v1::Event::kGangAttemptEnded:
      return EndAttempt(sweep, event.gang_attempt_ended(), event.time_unix_ms());
    case v1::Event::kSweepCancelled:
      return Cancel(sweep, event.time_unix_ms());
    case v1::Event::kSiblingSetFinished:
      return FinishSet(sweep, event.sibling_set_finished());
    case v1::Event::kRunsHeld:
      return Hold(sweep, event.runs_held());
    case v1::Event::kRunsResumed:
      return Resume(sweep, event.runs_resumed());
    case v1::Event::kRunsCancelled:
      return CancelRuns(sweep, event.runs_cancelled(), event.time_unix_ms());
    case v1::Event::kRunsRetried:
      return Retry(sweep, event.runs_retried());
    case v1::Event::kSweepSubmitted:
    case v1::Event::kWorkerDrainChanged:
    case v1::Event::kQuotaChanged:
    case v1::Event::BODY_NOT_SET:
      break;
  }
  return Contradiction("says nothing that this version knows");
}

absl::Status State::Submit(const v1::Event& event, const v1::SweepSubmitted& body) {
  const std::string next_id = SweepId(static_cast<int64_t>(sweeps_.size()) + 1);
  if (event.sweep_id() != next_id) {
    return Contradiction("sweep \"", event.sweep_id(), "\" found where ", next_id, " must follow");
  }
  if (!body.idempotency_key().empty() && FindSweepByKey(body.idempotency_key()) != nullptr) {
    return Contradiction("its idempotency key was used by ", FindSweepByKey(body.idempotency_key())->sweep_id);
  }
  RETURN_IF_ERROR(CheckSubmission(event.sweep_id(), body));

  SweepRecord& sweep = sweeps_.emplace_back();
  sweep.sweep_id = event.sweep_id();
  sweep.user = &UserNamed(body.spec().scheduling().user());
  sweep.spec = body.spec();
  sweep.labels.insert(body.spec().resources().labels().begin(), body.spec().resources().labels().end());
  sweep.idempotency_key = body.idempotency_key();
  sweep.request_sha256 = body.request_sha256();
  sweep.submitted_unix_ms = event.time_unix_ms();
  sweep.last_event = event.number();
  AddRuns(sweep, body);
  AddGangs(sweep, body);
  sweeps_by_id_[sweep.sweep_id] = &sweep;
  if (!sweep.idempotency_key.empty()) sweeps_by_key_[sweep.idempotency_key] = &sweep;
  ++sweep_counts_[DeriveSweepState(sweep)];
  return absl::OkStatus();
}

void State::AddRuns(SweepRecord& sweep, const v1::SweepSubmitted& body) {
  for (const v1::Run& run : body.runs()) {
    runs_[run.run_id()] = run;
    sweep.run_ids.push_back(run.run_id());
  }
  sweep.run_counts[v1::RUN_STATE_QUEUED] += body.runs_size();
  run_counts_[v1::RUN_STATE_QUEUED] += body.runs_size();
  for (const v1::SiblingSet& set : body.sibling_sets()) {
    SiblingSetRecord& record = sibling_sets_[set.sibling_set_id()];
    record.set = set;
    record.sweep_id = sweep.sweep_id;
    record.unended_runs = set.run_ids_size();
    sweep.sibling_set_ids.push_back(set.sibling_set_id());
  }
}

void State::AddGangs(SweepRecord& sweep, const v1::SweepSubmitted& body) {
  for (const v1::Gang& gang : body.gangs()) {
    GangRecord& record = gangs_[gang.gang_id()];
    record.gang = gang;
    record.sweep = &sweep;
    record.order = gangs_submitted_++;
    record.unended_runs = gang.run_ids_size();
    sweep.gang_ids.push_back(gang.gang_id());
    Enqueue(record);
  }
}

void State::MoveRun(SweepRecord& sweep, v1::Run& run, v1::RunState to) {
  --sweep.run_counts[run.state()];
  --run_counts_[run.state()];
  ++sweep.run_counts[to];
  ++run_counts_[to];
  run.set_state(to);
}

void State::EndRun(SweepRecord& sweep, v1::Run& run, v1::RunState to, int64_t time_unix_ms) {
  MoveRun(sweep, run, to);
  --gangs_[run.gang_id()].unended_runs;
  SiblingSetRecord& set = sibling_sets_[run.sibling_set_id()];
  set.set.set_finished(--set.unended_runs == 0);
  if (HasEnded(sweep)) sweep.ended_unix_ms = time_unix_ms;
}

UserRecord& State::UserNamed(const std::string& name) {
  const std::string user = name.empty() ? kDefaultUser : name;
  UserRecord& record = users_[user];
  record.name = user;
  return record;
}

void State::Enqueue(GangRecord& gang) {
  gang.gang.set_state(v1::GANG_STATE_QUEUED);
  queued_gangs_[gang.order] = &gang;
  ++gang.sweep->user->gangs_queued;
  if (gang.gang.not_before_unix_ms() > 0) backing_off_.emplace(gang.gang.not_before_unix_ms(), gang.order);
}

void State::Dequeue(GangRecord& gang) {
  --gang.sweep->user->gangs_queued;
  queued_gangs_.erase(gang.order);
  backing_off_.erase({gang.gang.not_before_unix_ms(), gang.order});
}

void State::Requeue(GangRecord& gang) {
  if (gang.gang.state() == v1::GANG_STATE_QUEUED) Dequeue(gang);
  const bool waits =
      std::any_of(gang.gang.run_ids().begin(), gang.gang.run_ids().end(),
                  [&](const std::string& run_id) { return runs_[run_id].state() == v1::RUN_STATE_QUEUED; });
  if (waits) return Enqueue(gang);
  gang.gang.set_state(gang.unended_runs > 0 ? v1::GANG_STATE_HELD : v1::GANG_STATE_ENDED);
}

}  // namespace seedbed
