// The part of State that follows what users ask for, and sibling sets.
#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "common/status.h"
#include "server/state/contradiction.h"
#include "server/state/state.h"

namespace seedbed {

template <typename Allowed>
absl::StatusOr<std::vector<v1::Run*>> State::RunsOf(const SweepRecord& sweep,
                                                    const google::protobuf::RepeatedPtrField<std::string>& run_ids,
                                                    absl::string_view done, Allowed allowed) {
  if (run_ids.empty()) return Contradiction("names no run");
  std::vector<v1::Run*> runs;
  absl::flat_hash_set<absl::string_view> seen;
  for (const std::string& run_id : run_ids) {
    v1::Run* run = FindOrNull(runs_, run_id);
    if (run == nullptr || run->sweep_id() != sweep.sweep_id) {
      return Contradiction(sweep.sweep_id, " has no run \"", run_id, "\"");
    }
    if (!allowed(run->state()) || !seen.insert(run_id).second) {
      return Contradiction(run_id, ": is ", RunStateName(run->state()), " and can't be ", done);
    }
    runs.push_back(run);
  }
  return runs;
}

void State::RequeueGangsOf(const std::vector<v1::Run*>& runs) {
  absl::flat_hash_set<GangRecord*> gangs;
  for (const v1::Run* run : runs) gangs.insert(&gangs_[run->gang_id()]);
  for (GangRecord* gang : gangs) {
    if (gang->gang.state() != v1::GANG_STATE_ACTIVE) Requeue(*gang);
  }
}

absl::Status State::Hold(SweepRecord& sweep, const v1::RunsHeld& body) {
  const auto waits = [](v1::RunState state) { return state == v1::RUN_STATE_QUEUED; };
  ASSIGN_OR_RETURN(const std::vector<v1::Run*> runs, RunsOf(sweep, body.run_ids(), "held", waits));
  for (v1::Run* run : runs) MoveRun(sweep, *run, v1::RUN_STATE_HELD);
  RequeueGangsOf(runs);
  return absl::OkStatus();
}

absl::Status State::Resume(SweepRecord& sweep, const v1::RunsResumed& body) {
  const auto is_held = [](v1::RunState state) { return state == v1::RUN_STATE_HELD; };
  ASSIGN_OR_RETURN(const std::vector<v1::Run*> runs, RunsOf(sweep, body.run_ids(), "resumed", is_held));
  for (v1::Run* run : runs) MoveRun(sweep, *run, v1::RUN_STATE_QUEUED);
  RequeueGangsOf(runs);
  return absl::OkStatus();
}

absl::Status State::CancelRuns(SweepRecord& sweep, const v1::RunsCancelled& body, int64_t time_unix_ms) {
  const auto waits = [](v1::RunState state) { return state == v1::RUN_STATE_QUEUED || state == v1::RUN_STATE_HELD; };
  ASSIGN_OR_RETURN(const std::vector<v1::Run*> runs, RunsOf(sweep, body.run_ids(), "cancelled", waits));
  for (v1::Run* run : runs) {
    run->clear_failure();
    EndRun(sweep, *run, v1::RUN_STATE_CANCELLED, time_unix_ms);
  }
  RequeueGangsOf(runs);
  return absl::OkStatus();
}

absl::Status State::Retry(SweepRecord& sweep, const v1::RunsRetried& body) {
  if (sweep.cancelled) return Contradiction(sweep.sweep_id, " was cancelled");
  const auto failed = [](v1::RunState state) { return state == v1::RUN_STATE_FAILED; };
  ASSIGN_OR_RETURN(const std::vector<v1::Run*> runs, RunsOf(sweep, body.run_ids(), "retried", failed));
  for (v1::Run* run : runs) {
    MoveRun(sweep, *run, v1::RUN_STATE_QUEUED);
    GangRecord& gang = gangs_[run->gang_id()];
    ++gang.unended_runs;
    // What ranks of an attempt that goes on say of it was of its failure.
    gang.attempt_run_ids.erase(std::remove(gang.attempt_run_ids.begin(), gang.attempt_run_ids.end(), run->run_id()),
                               gang.attempt_run_ids.end());
    gang.failed_attempts = {};
    gang.gang.set_failed_attempts(0);
    SiblingSetRecord& set = sibling_sets_[run->sibling_set_id()];
    ++set.unended_runs;
    set.set.set_finished(false);
    set.announced = false;
  }
  sweep.ended_unix_ms = 0;
  RequeueGangsOf(runs);
  return absl::OkStatus();
}

absl::Status State::ChangeDrain(const v1::WorkerDrainChanged& body) {
  if (body.worker().empty()) return Contradiction("names no worker");
  if (body.draining()) {
    draining_workers_.insert(body.worker());
  } else {
    draining_workers_.erase(body.worker());
  }
  return absl::OkStatus();
}

absl::Status State::ChangeQuota(const v1::QuotaChanged& body) {
  if (body.user().empty() || body.most_slots() < 0 || !(body.share() > 0)) {
    return Contradiction("quota of \"", body.user(), "\": ", body.most_slots(), " slots, share ", body.share());
  }
  UserRecord& user = UserNamed(body.user());
  user.most_slots = body.most_slots();
  user.share = body.share();
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
    if (gang.gang.state() != v1::GANG_STATE_ACTIVE) Requeue(gang);
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
