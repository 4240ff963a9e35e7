#include "worker/daemon/rank_tracker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {

RankTracker::RankTracker(const v1::DesiredRank& desired, std::string host)
    : host_(std::move(host)), world_size_(desired.world_size()) {
  for (const v1::RunAssignment& run : desired.gang().runs()) run_ids_.insert(run.run_id());
  *status_.mutable_key() = desired.key();
  status_.set_slot_id(desired.slot_id());
  status_.set_state(v1::RANK_STATE_STARTING);
}

absl::Status RankTracker::Apply(const v1::RankMessage& message) {
  if (message.ByteSizeLong() > kMostRankMessageBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a message of ", message.ByteSizeLong(), " bytes; at most ",
                                                   kMostRankMessageBytes, " are allowed"));
  }
  switch (message.body_case()) {
    case v1::RankMessage::kHello:
      if (world_size_ <= 1) MarkRunning();
      return absl::OkStatus();
    case v1::RankMessage::kRendezvousReady:
      return ApplyRendezvous(message.rendezvous_ready());
    case v1::RankMessage::kProgress:
      return ApplyProgress(message.progress());
    case v1::RankMessage::kRunExporting:
      return ApplyExporting(message.run_exporting());
    case v1::RankMessage::kRunEnded:
      return ApplyEnded(message.run_ended());
    case v1::RankMessage::kRankFailed:
      ApplyFailure(message.rank_failed());
      return absl::OkStatus();
    case v1::RankMessage::kStreamProgress:
      stream_progress_ = message.stream_progress();
      MarkRunning();
      return absl::OkStatus();
    case v1::RankMessage::kInspectionResult:  // No rank sends one.
    case v1::RankMessage::BODY_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a message without a body that this version knows");
}

void RankTracker::MarkExited(const v1::Failure* failure) {
  if (failure != nullptr) *status_.mutable_failure() = *failure;
  status_.set_state(v1::RANK_STATE_EXITED);
  status_.clear_progress();
  status_.clear_exporting_run_ids();
}

void RankTracker::ApplyFailure(const v1::Failure& failure) {
  own_failure_ = failure;
  if (failure.kind() == v1::FAILURE_KIND_UNSPECIFIED) own_failure_->set_kind(v1::FAILURE_KIND_INTERNAL);
  if (failure.message().empty()) {
    own_failure_->set_message(absl::StrCat("rank ", status_.key().rank(), " of gang ", status_.key().gang_id(),
                                           " gave up without saying why"));
  }
}

absl::Status RankTracker::CheckRun(const std::string& run_id) const {
  if (run_ids_.count(run_id) > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a message of run \"", run_id, "\", which its gang does not have"));
}

absl::Status RankTracker::ApplyRendezvous(const v1::RendezvousReady& ready) {
  if (ready.port() < 1 || ready.port() > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("a rendezvous port of ", ready.port()));
  }
  status_.set_rendezvous_address(absl::StrCat(host_, ":", ready.port()));
  return absl::OkStatus();
}

absl::Status RankTracker::ApplyProgress(const v1::RunProgress& progress) {
  RETURN_IF_ERROR(CheckRun(progress.run_id()));
  MarkRunning();
  if (HasEnded(progress.run_id())) return absl::OkStatus();
  for (v1::RunProgress& known : *status_.mutable_progress()) {
    if (known.run_id() != progress.run_id()) continue;
    known = progress;
    return absl::OkStatus();
  }
  *status_.add_progress() = progress;
  return absl::OkStatus();
}

absl::Status RankTracker::ApplyExporting(const v1::RunExporting& exporting) {
  RETURN_IF_ERROR(CheckRun(exporting.run_id()));
  MarkRunning();
  if (HasEnded(exporting.run_id())) return absl::OkStatus();
  DropExporting(exporting.run_id());
  status_.add_exporting_run_ids(exporting.run_id());
  return absl::OkStatus();
}

absl::Status RankTracker::ApplyEnded(const v1::RunEnded& ended) {
  RETURN_IF_ERROR(CheckRun(ended.run_id()));
  if (ended.has_result() == ended.has_failure()) {
    return absl::InvalidArgumentError(absl::StrCat("an end of run ", ended.run_id(), " with ",
                                                   ended.has_result() ? "both" : "neither",
                                                   " of a result and a failure; one is needed"));
  }
  MarkRunning();
  DropProgress(ended.run_id());
  DropExporting(ended.run_id());
  if (HasEnded(ended.run_id())) return absl::OkStatus();
  v1::RunOutcome& outcome = *status_.add_outcomes();
  outcome.set_run_id(ended.run_id());
  if (ended.has_result()) *outcome.mutable_result() = ended.result();
  if (ended.has_failure()) *outcome.mutable_failure() = ended.failure();
  return absl::OkStatus();
}

bool RankTracker::HasEnded(const std::string& run_id) const {
  return std::any_of(status_.outcomes().begin(), status_.outcomes().end(),
                     [&](const v1::RunOutcome& outcome) { return outcome.run_id() == run_id; });
}

void RankTracker::DropProgress(const std::string& run_id) {
  auto& progress = *status_.mutable_progress();
  progress.erase(std::remove_if(progress.begin(), progress.end(),
                                [&](const v1::RunProgress& known) { return known.run_id() == run_id; }),
                 progress.end());
}

void RankTracker::DropExporting(const std::string& run_id) {
  auto& ids = *status_.mutable_exporting_run_ids();
  ids.erase(std::remove(ids.begin(), ids.end(), run_id), ids.end());
}

void RankTracker::MarkRunning() {
  if (status_.state() == v1::RANK_STATE_STARTING) status_.set_state(v1::RANK_STATE_RUNNING);
}

}  // namespace seedbed
