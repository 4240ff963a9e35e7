// The part of the coordinator that does what users ask of sweeps that are there, of workers and of quotas.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/field_violations.h"
#include "server/scheduler/scheduling_validation.h"

namespace seedbed {
namespace {

enum class Answer { kDo, kLeave, kRefuse };

// The runs that are to be changed: of those that were named, or all of the sweep, those for which `judge` says so by
// their state. What can't be `done` is refused where it was named, and else left.
template <typename Judge>
absl::StatusOr<std::vector<std::string>> ChooseRuns(const State& state, const SweepRecord& sweep,
                                                    const google::protobuf::RepeatedPtrField<std::string>& named,
                                                    absl::string_view done, Judge judge) {
  std::vector<std::string> candidates(named.begin(), named.end());
  if (named.empty()) candidates = sweep.run_ids;
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  std::vector<std::string> chosen;
  for (const std::string& run_id : candidates) {
    const v1::Run* run = state.FindRun(run_id);
    if (run == nullptr || run->sweep_id() != sweep.sweep_id) {
      return absl::NotFoundError(absl::StrCat("sweep ", sweep.sweep_id, " has no run ", Quoted(run_id)));
    }
    const Answer answer = judge(run->state());
    if (answer == Answer::kDo) chosen.push_back(run_id);
    if (answer == Answer::kRefuse && !named.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("run ", run_id, " has ", RunStateName(run->state()), " and can't be ", done));
    }
  }
  return chosen;
}

Answer JudgeCancel(v1::RunState state) { return HasEnded(state) ? Answer::kLeave : Answer::kDo; }

Answer JudgePause(v1::RunState state) {
  if (HasEnded(state)) return Answer::kRefuse;
  return state == v1::RUN_STATE_HELD ? Answer::kLeave : Answer::kDo;
}

Answer JudgeResume(v1::RunState state) {
  if (HasEnded(state)) return Answer::kRefuse;
  return state == v1::RUN_STATE_HELD ? Answer::kDo : Answer::kLeave;
}

Answer JudgeRetry(v1::RunState state) {
  if (state == v1::RUN_STATE_FAILED) return Answer::kDo;
  return HasEnded(state) ? Answer::kRefuse : Answer::kLeave;
}

}  // namespace

template <typename Decide>
absl::StatusOr<v1::Sweep> Coordinator::ChangeSweep(const std::string& sweep_id, Decide decide) {
  absl::MutexLock lock(&mutex_);
  const SweepRecord* sweep = state_.FindSweep(sweep_id);
  if (sweep == nullptr) return NoSuchSweep(sweep_id);
  Decision decision(state_);
  RETURN_IF_ERROR(decide(*sweep, decision));
  RETURN_IF_ERROR(Commit(decision));
  Settle();
  return ViewSweep(state_, *sweep, /*with_gangs=*/true);
}

absl::StatusOr<v1::CancelSweepResponse> Coordinator::CancelSweep(const v1::CancelSweepRequest& request) {
  v1::CancelSweepResponse response;
  const auto decide = [&](const SweepRecord& sweep, Decision& decision)
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    if (request.run_ids().empty()) {
      if (!HasEnded(sweep)) decision.Cancel(sweep);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const auto runs, ChooseRuns(state_, sweep, request.run_ids(), "cancelled", JudgeCancel));
    decision.CancelRuns(sweep, runs);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(*response.mutable_sweep(), ChangeSweep(request.sweep_id(), decide));
  return response;
}

absl::StatusOr<v1::PauseSweepResponse> Coordinator::PauseSweep(const v1::PauseSweepRequest& request) {
  v1::PauseSweepResponse response;
  const auto decide = [&](const SweepRecord& sweep, Decision& decision)
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    ASSIGN_OR_RETURN(const auto runs, ChooseRuns(state_, sweep, request.run_ids(), "paused", JudgePause));
    decision.Hold(sweep, runs);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(*response.mutable_sweep(), ChangeSweep(request.sweep_id(), decide));
  return response;
}

absl::StatusOr<v1::ResumeSweepResponse> Coordinator::ResumeSweep(const v1::ResumeSweepRequest& request) {
  v1::ResumeSweepResponse response;
  const auto decide = [&](const SweepRecord& sweep, Decision& decision)
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    ASSIGN_OR_RETURN(const auto runs, ChooseRuns(state_, sweep, request.run_ids(), "resumed", JudgeResume));
    decision.Resume(sweep, runs);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(*response.mutable_sweep(), ChangeSweep(request.sweep_id(), decide));
  return response;
}

absl::StatusOr<v1::RetrySweepResponse> Coordinator::RetrySweep(const v1::RetrySweepRequest& request) {
  v1::RetrySweepResponse response;
  const auto decide = [&](const SweepRecord& sweep, Decision& decision)
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    if (sweep.cancelled) {
      return absl::FailedPreconditionError(
          absl::StrCat("sweep ", sweep.sweep_id, " was cancelled; submit it again instead"));
    }
    ASSIGN_OR_RETURN(const auto runs, ChooseRuns(state_, sweep, request.run_ids(), "retried", JudgeRetry));
    decision.Retry(sweep, runs);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(*response.mutable_sweep(), ChangeSweep(request.sweep_id(), decide));
  return response;
}

absl::StatusOr<v1::DrainWorkerResponse> Coordinator::DrainWorker(const v1::DrainWorkerRequest& request) {
  absl::MutexLock lock(&mutex_);
  const std::string& name = request.worker();
  const bool drains = state_.draining_workers().contains(name);
  const WorkerEntry* worker = workers_.Find(name);
  if (worker == nullptr && !drains) return absl::NotFoundError(absl::StrCat("there is no worker ", Quoted(name)));
  if (drains == request.undo()) {
    Decision decision(state_);
    decision.ChangeDrain(name, !request.undo());
    RETURN_IF_ERROR(Commit(decision));
    Settle();
  }
  v1::DrainWorkerResponse response;
  *response.mutable_worker() = ViewWorker(state_, name, worker == nullptr ? WorkerEntry() : *worker);
  return response;
}

absl::StatusOr<v1::SetQuotaResponse> Coordinator::SetQuota(const v1::SetQuotaRequest& request) {
  v1::QuotaChanged quota;
  quota.set_user(request.user());
  quota.set_most_slots(request.most_slots());
  quota.set_share(request.share() == 0 ? 1 : request.share());
  ViolationList violations;
  CheckPlainName("user", request.user(), violations);
  violations.CheckRange("most_slots", request.most_slots(), 0, kMostQuotaSlots);
  violations.CheckRange("share", quota.share(), kLeastShare, kMostShare);
  if (!violations.empty()) return FieldViolationsError(AsFields(violations));
  absl::MutexLock lock(&mutex_);
  Decision decision(state_);
  decision.ChangeQuota(quota);
  RETURN_IF_ERROR(Commit(decision));
  Settle();
  v1::SetQuotaResponse response;
  *response.mutable_user() = ViewUser(state_.users().at(request.user()), Now().unix_ms);
  return response;
}

absl::StatusOr<v1::BackUpResponse> Coordinator::BackUp(const v1::BackUpRequest& request) {
  if (!absl::StartsWith(request.path(), "/")) {
    return FieldViolationsError(
        {{"path", absl::StrCat("is ", Quoted(request.path()), "; must be absolute, on the coordinator's machine")}});
  }
  v1::BackUpResponse response;
  ASSIGN_OR_RETURN(const int64_t last_event, store_->BackUp(request.path()));
  response.set_last_event(last_event);
  return response;
}

}  // namespace seedbed
