// The part of State that follows attempts of gangs, from their placement to their end.
#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "common/status.h"
#include "server/state/contradiction.h"
#include "server/state/state.h"

namespace seedbed {
namespace {

// A kind that this program does not know counts as a defect.
v1::FailureKind KnownKind(v1::FailureKind kind) {
  return v1::FailureKind_IsValid(kind) ? kind : v1::FAILURE_KIND_INTERNAL;
}

}  // namespace

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
  if (run->state() == v1::RUN_STATE_QUEUED || run->state() == v1::RUN_STATE_HELD) {
    return Contradiction(run_id, " is ", RunStateName(run->state()), ", and in no attempt");
  }
  return run;
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

absl::Status State::Place(SweepRecord& sweep, const v1::GangPlaced& body, int64_t time_unix_ms) {
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
  gang->placed_unix_ms = time_unix_ms;
  gang->device = body.device();
  gang->attempt_run_ids.clear();
  for (const std::string& run_id : gang->gang.run_ids()) {
    v1::Run& run = runs_[run_id];
    if (run.state() != v1::RUN_STATE_QUEUED) continue;
    run.set_attempt(body.attempt());
    MoveRun(sweep, run, v1::RUN_STATE_PLACED);
    gang->attempt_run_ids.push_back(run_id);
  }
  for (const v1::RankPlacement& placement : body.placements()) {
    occupied_slots_[placement.worker()][placement.slot()] = gang;
  }
  sweep.user->usage.Change(body.device(), body.placements_size(), time_unix_ms);
  active_gangs_[gang->order] = gang;
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

void State::ReleaseSlots(GangRecord& gang, int64_t time_unix_ms) {
  for (const v1::RankPlacement& placement : gang.gang.placements()) {
    const auto slots = occupied_slots_.find(placement.worker());
    slots->second.erase(placement.slot());
    if (slots->second.empty()) occupied_slots_.erase(slots);
  }
  gang.sweep->user->usage.Change(gang.device, -gang.gang.placements_size(), time_unix_ms);
  active_gangs_.erase(gang.order);
}

void State::KeepWholeAttempt(const GangRecord& gang, int64_t time_unix_ms) {
  const bool all_succeeded =
      gang.attempt_run_ids.size() == gang.gang.run_ids_size() &&
      std::all_of(gang.attempt_run_ids.begin(), gang.attempt_run_ids.end(),
                  [&](const std::string& run_id) { return runs_[run_id].state() == v1::RUN_STATE_SUCCEEDED; });
  const double seconds = static_cast<double>(time_unix_ms - gang.placed_unix_ms) / 1000;
  // A later attempt may have gone on from a checkpoint, and a cache may have spared the model its part.
  if (!all_succeeded || gang.gang.attempt() != 1 || !gang.gang.has_estimate() || gang.gang.has_cache() ||
      seconds <= 0) {
    return;
  }
  std::deque<WholeAttempt>& kept = whole_attempts_[gang.device];
  kept.push_back({gang.gang.estimate(), gang.gang.run_ids_size(), gang.gang.placements_size(), seconds});
  if (kept.size() > kWholeAttemptsKept) kept.pop_front();
}

absl::Status State::EndAttempt(SweepRecord& sweep, const v1::GangAttemptEnded& body, int64_t time_unix_ms) {
  ASSIGN_OR_RETURN(GangRecord * gang, ActiveGang(sweep, body.gang_id(), body.attempt()));
  if (body.interruption() != v1::INTERRUPTION_UNSPECIFIED && body.has_failure()) {
    return Contradiction(body.gang_id(), ": an attempt that was interrupted has not failed");
  }
  ReleaseSlots(*gang, time_unix_ms);
  KeepWholeAttempt(*gang, time_unix_ms);
  for (const std::string& run_id : gang->attempt_run_ids) {
    v1::Run& run = runs_[run_id];
    if (HasEnded(run.state())) continue;
    if (body.has_failure()) *run.mutable_failure() = body.failure();
    MoveRun(sweep, run, v1::RUN_STATE_QUEUED);
  }
  gang->attempt_run_ids.clear();
  if (body.has_failure()) {
    gang->gang.set_failed_attempts(gang->gang.failed_attempts() + 1);
    ++gang->failed_attempts[KnownKind(body.failure().kind())];
  }
  if (gang->unended_runs > 0) gang->gang.set_not_before_unix_ms(body.not_before_unix_ms());
  Requeue(*gang);
  return absl::OkStatus();
}

}  // namespace seedbed
