#include "server/results/agreement_watch.h"

#include <algorithm>
#include <utility>

#include "common/status.h"
#include "proto/rpc/status.h"

namespace seedbed {

AgreementWatch* AgreementWatch::Start(ResultsStore* store, AgreementFeed* feed, const std::string& sweep_id) {
  const auto watch = std::shared_ptr<AgreementWatch>(new AgreementWatch(store, feed, sweep_id));
  {
    absl::MutexLock lock(&watch->mutex_);
    watch->self_ = watch;
  }
  feed->Add(watch);
  watch->OnChange();
  return watch.get();
}

void AgreementWatch::OnChange() {
  absl::MutexLock lock(&mutex_);
  Pump();
}

void AgreementWatch::Pump() {
  if (writing_ || final_status_.has_value()) return;
  const absl::StatusOr<ResultsStore::SweepState> state = store_->GetSweepState(sweep_id_);
  if (!state.ok()) return FinishWith(state.status());
  const absl::StatusOr<bool> has_update = NextUpdate(*state);
  if (!has_update.ok()) return FinishWith(has_update.status());
  if (*has_update) {
    writing_ = true;
    return StartWrite(&response_);
  }
  const bool pending = std::any_of(state->sets.begin(), state->sets.end(), [](const auto& set) { return set.pending; });
  if (state->ended && !pending) FinishWith(absl::OkStatus());
}

absl::StatusOr<bool> AgreementWatch::NextUpdate(const ResultsStore::SweepState& state) {
  for (const ResultsStore::SetState& set : state.sets) {
    if (set.pending) {
      sent_.erase(set.sibling_set_id);  // It was trained again.
      continue;
    }
    if (sent_.count(set.sibling_set_id) > 0) continue;
    absl::StatusOr<v1::Agreement> agreement = store_->Get(set.sibling_set_id);
    if (absl::IsFailedPrecondition(agreement.status())) continue;  // Pending again meanwhile.
    RETURN_IF_ERROR(agreement.status());
    *response_.mutable_agreement() = *std::move(agreement);
    sent_.insert(set.sibling_set_id);
    return true;
  }
  return NextProgress(state);
}

bool AgreementWatch::NextProgress(const ResultsStore::SweepState& state) {
  for (const ResultsStore::SetState& set : state.sets) {
    if (!set.pending) continue;
    const std::optional<v1::AgreementProgress> progress = feed_->Progress(set.sibling_set_id);
    if (!progress.has_value()) continue;
    const auto [sent, is_first] = pairs_sent_.try_emplace(set.sibling_set_id, progress->pairs_done());
    if (!is_first && sent->second == progress->pairs_done()) continue;
    sent->second = progress->pairs_done();
    *response_.mutable_progress() = *progress;
    return true;
  }
  return false;
}

void AgreementWatch::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (final_status_.has_value()) return Finish(ToGrpcStatus(*final_status_));
  if (ok) return Pump();
  FinishWith(absl::CancelledError("the watcher went away"));
}

void AgreementWatch::OnCancel() {
  absl::MutexLock lock(&mutex_);
  FinishWith(absl::CancelledError("the watcher went away"));
}

void AgreementWatch::OnStop() {
  absl::MutexLock lock(&mutex_);
  FinishWith(absl::UnavailableError("the results service is stopping"));
}

void AgreementWatch::FinishWith(const absl::Status& status) {
  if (final_status_.has_value()) return;
  final_status_ = status;
  if (!writing_) Finish(ToGrpcStatus(status));
}

void AgreementWatch::OnDone() {
  feed_->Remove(this);
  std::shared_ptr<AgreementWatch> self;  // Destroyed after the lock is given up.
  absl::MutexLock lock(&mutex_);
  self = std::move(self_);
}

}  // namespace seedbed
