#include "server/state/state.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "server/state/ids.h"
#include "server/state/submission_check.h"

namespace seedbed {
namespace {

template <typename... Parts>
absl::Status Contradiction(const Parts&... parts) {
  return absl::FailedPreconditionError(absl::StrCat(parts...));
}

template <typename Map>
auto* FindOrNull(Map& map, absl::string_view id) {
  const auto found = map.find(id);
  return found == map.end() ? nullptr : &found->second;
}

// A kind that this program does not know counts as a defect.
v1::FailureKind KnownKind(v1::FailureKind kind) {
  return v1::FailureKind_IsValid(kind) ? kind : v1::FAILURE_KIND_INTERNAL;
}

}  // namespace

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
      return Place(sweep, event.gang_placed());
    case v1::Event::kRunsAdvanced:
      return Advance(sweep, event.runs_advanced());
    case v1::Event::kRunSucceeded:
      return Succeed(sweep, event.run_succeeded(), event.time_unix_ms());
    case v1::Event::kRunFailed:
      return Fail(sweep, event.run_failed(), event.time_unix_ms());
    case v1::Event::kGangAttemptEnded:
      return EndAttempt(sweep, event.gang_attempt_ended());
    case v1::Event::kSweepCancelled:
      return Cancel(sweep, event.time_unix_ms());
    case v1::Event::kSiblingSetFinished:
      return FinishSet(sweep, event.sibling_set_finished());
    case v1::Event::kSweepSubmitted:
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
  sweep.spec = body.spec();
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
    record.order = gangs_submitted_++;
    record.unended_runs = gang.run_ids_size();
    sweep.gang_ids.push_back(gang.gang_id());
    Enqueue(record);
  }
}

absl::StatusOr<GangRecord*> State::ActiveGang(const SweepRecord& sweep, absl::string_view gang_id, int attempt) {
  GangRecord* gang = FindOrNull(gangs_, gang_id);
  if (gang == nullptr || gang->gang.sweep_id() != sweep.sweep_id) {
    return Contradiction(sweep.sweep_id, " has no gang \"", gang_id, "\"");
  }
  if (gang->gang.state() != v1::GANG_STATE_ACTIVE) return Contradiction(gang_id, " is not active");
  if (gang->gang.attempt() != attempt) {
    return Contradiction(gang_id, ": attempt ", attempt, " found while ", gang->gang.attempt(), " is current");
  }
  return gang;
}

absl::StatusOr<v1::Run*> State::RunningRun(const SweepRecord& sweep, absl::string_view run_id, int attempt) {
  v1::Run* run = FindOrNull(runs_, run_id);
  if (run == nullptr || run->sweep_id() != sweep.sweep_id) {
    return Contradiction(sweep.sweep_id, " has no run \"", run_id, "\"");
  }
  RETURN_IF_ERROR(ActiveGang(sweep, run->gang_id(), attempt).status());
  if (HasEnded(run->state())) return Contradiction(run_id, " has ended (", RunStateName(run->state()), ")");
  return run;
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

void State::Enqueue(GangRecord& gang) {
  gang.gang.set_state(v1::GANG_STATE_QUEUED);
  queued_gangs_[gang.order] = &gang;
  if (gang.gang.not_before_unix_ms() > 0) backing_off_.emplace(gang.gang.not_before_unix_ms(), gang.order);
}

void State::Dequeue(GangRecord& gang) {
  queued_gangs_.erase(gang.order);
  backing_off_.erase({gang.gang.not_before_unix_ms(), gang.order});
}

absl::Status State::CheckPlacement(const GangRecord& gang, const v1::GangPlaced& body) const {
  if (gang.gang.state() != v1::GANG_STATE_QUEUED) return Contradiction(body.gang_id(), " is not queued");
  if (body.attempt() != gang.gang.attempt() + 1) {
    return Contradiction(body.gang_id(), ": attempt ", body.attempt(), " can't follow ", gang.gang.attempt());
  }
  const int wanted = gang.gang.ranks_wanted();
  if (body.placements().empty() || (wanted > 0 && body.placements_size() != wanted)) {
    return Contradiction(body.gang_id(), ": ", body.placements_size(), " slots for ", wanted, " ranks");
  }
  absl::flat_hash_set<std::pair<absl::string_view, absl::string_view>> given;
  for (int rank = 0; rank < body.placements_size(); ++rank) {
    const v1::RankPlacement& placement = body.placements(rank);
    if (placement.rank() != rank) return Contradiction(body.gang_id(), ": ranks are not in order");
    const SlotGangs* occupied = FindOrNull(occupied_slots_, placement.worker());
    const bool taken = occupied != nullptr && occupied->contains(placement.slot());
    if (taken || !given.emplace(placement.worker(), placement.slot()).second) {
      return Contradiction(body.gang_id(), ": slot ", placement.worker(), "/", placement.slot(), " is not free");
    }
  }
  return absl::OkStatus();
}

absl::Status State::Place(SweepRecord& sweep, const v1::GangPlaced& body) {
  GangRecord* gang = FindOrNull(gangs_, body.gang_id());
  if (gang == nullptr || gang->gang.sweep_id() != sweep.sweep_id) {
    return Contradiction(sweep.sweep_id, " has no gang \"", body.gang_id(), "\"");
  }
  RETURN_IF_ERROR(CheckPlacement(*gang, body));

  Dequeue(*gang);
  gang->gang.set_state(v1::GANG_STATE_ACTIVE);
  gang->gang.set_attempt(body.attempt());
  gang->gang.set_not_before_unix_ms(0);
  *gang->gang.mutable_placements() = body.placements();
  gang->attempt_run_ids.clear();
  for (const std::string& run_id : gang->gang.run_ids()) {
    v1::Run& run = runs_[run_id];
    if (HasEnded(run.state())) continue;
    run.set_attempt(body.attempt());
    MoveRun(sweep, run, v1::RUN_STATE_PLACED);
    gang->attempt_run_ids.push_back(run_id);
  }
  for (const v1::RankPlacement& placement : body.placements()) {
    occupied_slots_[placement.worker()][placement.slot()] = gang;
  }
  ++active_gangs_;
  sweep.started = true;
  return absl::OkStatus();
}

absl::Status State::Advance(SweepRecord& sweep, const v1::RunsAdvanced& body) {
  v1::RunState from = v1::RUN_STATE_UNSPECIFIED;
  if (body.state() == v1::RUN_STATE_TRAINING) from = v1::RUN_STATE_PLACED;
  if (body.state() == v1::RUN_STATE_EXPORTING) from = v1::RUN_STATE_TRAINING;
  if (from == v1::RUN_STATE_UNSPECIFIED) return Contradiction("no run advances to state ", body.state());
  RETURN_IF_ERROR(ActiveGang(sweep, body.gang_id(), body.attempt()).status());
  absl::flat_hash_set<absl::string_view> seen;
  for (const std::string& run_id : body.run_ids()) {
    ASSIGN_OR_RETURN(const v1::Run* run, RunningRun(sweep, run_id, body.attempt()));
    if (run->gang_id() != body.gang_id()) return Contradiction(run_id, " is not of ", body.gang_id());
    if (run->state() != from || !seen.insert(run_id).second) {
      return Contradiction(run_id, ": can't go from ", RunStateName(run->state()), " to ", RunStateName(body.state()));
    }
  }
  for (const std::string& run_id : body.run_ids()) MoveRun(sweep, runs_[run_id], body.state());
  return absl::OkStatus();
}

absl::Status State::Succeed(SweepRecord& sweep, const v1::RunSucceeded& body, int64_t time_unix_ms) {
  ASSIGN_OR_RETURN(v1::Run * run, RunningRun(sweep, body.run_id(), body.attempt()));
  if (run->state() != v1::RUN_STATE_EXPORTING) {
    return Contradiction(body.run_id(), ": can't go from ", RunStateName(run->state()), " to succeeded");
  }
  *run->mutable_result() = body.result();
  run->clear_failure();
  EndRun(sweep, *run, v1::RUN_STATE_SUCCEEDED, time_unix_ms);
  if (!body.result().batch_hash().empty()) {
    const std::string& stream_key = gangs_[run->gang_id()].gang.stream_key();
    sweep.first_succeeded.try_emplace({stream_key, NameOfBatches(run->sae())}, run->run_id());
  }
  return absl::OkStatus();
}

absl::Status State::Fail(SweepRecord& sweep, const v1::RunFailed& body, int64_t time_unix_ms) {
  ASSIGN_OR_RETURN(v1::Run * run, RunningRun(sweep, body.run_id(), body.attempt()));
  *run->mutable_failure() = body.failure();
  EndRun(sweep, *run, v1::RUN_STATE_FAILED, time_unix_ms);
  return absl::OkStatus();
}

absl::Status State::EndAttempt(SweepRecord& sweep, const v1::GangAttemptEnded& body) {
  ASSIGN_OR_RETURN(GangRecord * gang, ActiveGang(sweep, body.gang_id(), body.attempt()));
  for (const v1::RankPlacement& placement : gang->gang.placements()) {
    const auto slots = occupied_slots_.find(placement.worker());
    slots->second.erase(placement.slot());
    if (slots->second.empty()) occupied_slots_.erase(slots);
  }
  for (const std::string& run_id : gang->attempt_run_ids) {
    v1::Run& run = runs_[run_id];
    if (HasEnded(run.state())) continue;
    if (body.has_failure()) *run.mutable_failure() = body.failure();
    MoveRun(sweep, run, v1::RUN_STATE_QUEUED);
  }
  --active_gangs_;
  gang->attempt_run_ids.clear();
  if (body.has_failure()) {
    gang->gang.set_failed_attempts(gang->gang.failed_attempts() + 1);
    ++gang->failed_attempts[KnownKind(body.failure().kind())];
  }
  if (gang->unended_runs == 0) {
    gang->gang.set_state(v1::GANG_STATE_ENDED);
  } else {
    gang->gang.set_not_before_unix_ms(body.not_before_unix_ms());
    Enqueue(*gang);
  }
  return absl::OkStatus();
}

absl::Status State::Cancel(SweepRecord& sweep, int64_t time_unix_ms) {
  if (HasEnded(sweep)) return Contradiction(sweep.sweep_id, " has ended");
  sweep.cancelled = true;
  for (const std::string& run_id : sweep.run_ids) {
    v1::Run& run = runs_[run_id];
    if (HasEnded(run.state())) continue;
    run.clear_failure();
    EndRun(sweep, run, v1::RUN_STATE_CANCELLED, time_unix_ms);
  }
  for (const std::string& gang_id : sweep.gang_ids) {
    GangRecord& gang = gangs_[gang_id];
    if (gang.gang.state() != v1::GANG_STATE_QUEUED) continue;
    Dequeue(gang);
    gang.gang.set_state(v1::GANG_STATE_ENDED);
  }
  return absl::OkStatus();
}

absl::Status State::CheckFinishedSet(const SiblingSetRecord& set, const v1::SiblingSetFinished& body) const {
  if (set.unended_runs > 0) return Contradiction(body.sibling_set_id(), " has runs that have not ended");
  if (set.announced) return Contradiction(body.sibling_set_id(), " was announced before");
  std::vector<const v1::Run*> succeeded;
  for (const std::string& run_id : set.set.run_ids()) {
    const v1::Run& run = runs_.at(run_id);
    if (run.state() == v1::RUN_STATE_SUCCEEDED) succeeded.push_back(&run);
  }
  const bool same = std::equal(succeeded.begin(), succeeded.end(), body.run_ids().begin(), body.run_ids().end(),
                               [](const v1::Run* run, const std::string& id) { return run->run_id() == id; });
  if (succeeded.size() < 2 || !same || body.results_size() != body.run_ids_size() ||
      body.seeds_size() != body.run_ids_size()) {
    return Contradiction(body.sibling_set_id(), ": does not list the ", succeeded.size(), " runs that succeeded");
  }
  return absl::OkStatus();
}

absl::Status State::FinishSet(SweepRecord& sweep, const v1::SiblingSetFinished& body) {
  SiblingSetRecord* set = FindOrNull(sibling_sets_, body.sibling_set_id());
  if (set == nullptr || set->sweep_id != sweep.sweep_id) {
    return Contradiction(sweep.sweep_id, " has no sibling set \"", body.sibling_set_id(), "\"");
  }
  RETURN_IF_ERROR(CheckFinishedSet(*set, body));
  set->announced = true;
  return absl::OkStatus();
}

}  // namespace seedbed
