// The part of the coordinator that takes sweeps.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/schedule_pass.h"
#include "server/coordinator/submission.h"
#include "server/scheduler/measured_rate.h"
#include "server/scheduler/message_hash.h"
#include "server/scheduler/stream_shape.h"
#include "server/scheduler/sweep_resolution.h"
#include "server/state/ids.h"

namespace seedbed {
namespace {

using Outcome = EndedInspection::Outcome;

constexpr absl::Duration kUntilInspected = absl::Seconds(5);

absl::Status KeyTaken(const std::string& key, absl::string_view by) {
  return absl::AlreadyExistsError(
      absl::StrCat("idempotency_key ", Quoted(key), " was used for another sweep (", by, ")"));
}

absl::Status Unanswered(const EndedInspection& ended) {
  return absl::UnavailableError(absl::StrCat(
      "worker ", ended.worker, " did not answer within ", absl::FormatDuration(ended.took),
      " what it finds in the files of the sweep, so nothing was submitted; see its log, restart it, and submit again"));
}

// For the metrics.
absl::string_view OutcomeName(const EndedInspection& ended) {
  switch (ended.outcome) {
    case Outcome::kInspected:
      return ended.result.violations().empty() ? "good" : "bad";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kUnanswered:
      return "unanswered";
    case Outcome::kNoWorker:
      return "no_worker";
  }
  return "";
}

}  // namespace

void Coordinator::SubmitSweep(const v1::SubmitSweepRequest& request, SubmitDone done) {
  absl::MutexLock lock(&mutex_);
  if (JoinEarlier(request, done)) return;
  // Before anything costs time that others wait for.
  if (const absl::Status limit = submission_limiter_.TakeOne(clock_->Monotonic()); !limit.ok()) return done(limit);
  absl::StatusOr<v1::SweepSpec> spec = ValidateSubmission(request);
  if (!spec.ok()) return done(spec.status());
  if (!refusal_.ok()) return done(refusal_);
  if (!inspections_.HasRoomFor(*spec)) {
    return done(RetryLaterError("too many sweeps wait for a worker to inspect their files", kUntilInspected));
  }
  const std::string id = inspections_.Add(*spec, clock_->Monotonic());
  submissions_[id] = {request, *std::move(spec), {std::move(done)}};
  Settle();
}

void Coordinator::RefuseSubmissions(const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  refusal_ = why;
  for (const auto& [id, submission] : std::exchange(submissions_, {})) {
    for (const SubmitDone& done : submission.waiters) done(why);
  }
}

bool Coordinator::JoinEarlier(const v1::SubmitSweepRequest& request, const SubmitDone& done) {
  const std::string& key = request.idempotency_key();
  if (key.empty() || request.validate_only()) return false;
  const std::string sha256 = MessageSha256(request.spec());
  if (const SweepRecord* earlier = state_.FindSweepByKey(key); earlier != nullptr) {
    if (earlier->request_sha256 == sha256) {
      done(DescribeSweep(*earlier));
    } else {
      done(KeyTaken(key, earlier->sweep_id));
    }
    return true;
  }
  for (auto& [id, submission] : submissions_) {
    if (submission.request.validate_only() || submission.request.idempotency_key() != key) continue;
    if (MessageSha256(submission.request.spec()) == sha256) {
      submission.waiters.push_back(done);
    } else {
      done(KeyTaken(key, "which is being inspected"));
    }
    return true;
  }
  return false;
}

void Coordinator::AdvanceInspections() {
  for (const EndedInspection& ended : inspections_.Advance(workers_, clock_->Monotonic(), affected_workers_)) {
    metrics_->InspectionEnded(OutcomeName(ended), ended.took);
    const auto found = submissions_.find(ended.id);
    if (found == submissions_.end()) continue;
    const Submission submission = std::move(found->second);
    submissions_.erase(found);
    const absl::StatusOr<v1::SubmitSweepResponse> answer = Conclude(submission, ended);
    for (const SubmitDone& done : submission.waiters) done(answer);
  }
}

absl::StatusOr<v1::SubmitSweepResponse> Coordinator::Conclude(const Submission& submission,
                                                              const EndedInspection& ended) {
  switch (ended.outcome) {
    case Outcome::kInspected:
      return Accept(submission, &ended.result);
    case Outcome::kFailed:
      return absl::InternalError(absl::StrCat("the files of the sweep could not be inspected: ", ended.reason));
    case Outcome::kUnanswered:
      return Unanswered(ended);
    case Outcome::kNoWorker:
      break;
  }
  const std::string field = FieldThatNeedsInspection(submission.spec);
  if (!field.empty()) return NeedsWorkerError(field);
  return Accept(submission, nullptr);
}

absl::StatusOr<v1::SubmitSweepResponse> Coordinator::Accept(const Submission& submission,
                                                            const v1::InspectionResult* inspection) {
  const v1::SubmitSweepRequest& request = submission.request;
  const std::string sweep_id = request.validate_only() ? "" : SweepId(static_cast<int64_t>(state_.sweeps().size()) + 1);
  const SlotOutlook outlook = Outlook(submission.spec);
  ASSIGN_OR_RETURN(v1::SweepSubmitted accepted, AcceptSweep(request, submission.spec, inspection, sweep_id,
                                                            {options_.most_runs_per_gang, outlook.memory_bytes}));
  if (request.validate_only()) {
    v1::SubmitSweepResponse response = DescribeSubmission(std::move(accepted));
    AddForecasts(outlook, response);
    return response;
  }
  const int64_t waiting = state_.run_counts()[v1::RUN_STATE_QUEUED] + state_.run_counts()[v1::RUN_STATE_HELD];
  RETURN_IF_ERROR(submission_limiter_.CheckWaiting(waiting, accepted.runs_size()));
  Decision decision(state_);
  decision.Submit(sweep_id, std::move(accepted));
  RETURN_IF_ERROR(Commit(decision));
  return DescribeSweep(*state_.FindSweep(sweep_id));
}

SlotOutlook Coordinator::Outlook(const v1::SweepSpec& spec) const {
  const Labels labels(spec.resources().labels().begin(), spec.resources().labels().end());
  return LookForSlots(OfferedSlots(state_, workers_, clock_->Monotonic()), labels,
                      std::max(1, spec.resources().ranks()));
}

void Coordinator::AddForecasts(const SlotOutlook& outlook, v1::SubmitSweepResponse& response) const {
  const double rate = MeasuredRate(state_, outlook.device);
  for (const v1::Gang& gang : response.sweep().gangs()) {
    *response.add_forecasts() = ForecastGang(gang, outlook, rate, options_.scheduling);
  }
}

v1::SubmitSweepResponse Coordinator::DescribeSweep(const SweepRecord& sweep) const {
  const v1::StreamSpec& stream = state_.FindGang(sweep.gang_ids.front())->gang.stream();
  v1::SubmitSweepResponse response;
  *response.mutable_sweep() = ViewSweep(state_, sweep, /*with_gangs=*/true);
  response.set_steps_per_run(StepsPerRun(stream));
  response.set_rows_per_epoch(stream.rows_per_epoch());
  AddForecasts(Outlook(sweep.spec), response);
  return response;
}

}  // namespace seedbed
