#include "server/results/agreement_feed.h"

#include <algorithm>

namespace seedbed {

void AgreementFeed::Add(const std::shared_ptr<Listener>& listener) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      listeners_.push_back(listener);
      return;
    }
  }
  listener->OnStop();
}

void AgreementFeed::Remove(const Listener* listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(),
                                  [listener](const auto& known) { return known.get() == listener; }),
                   listeners_.end());
}

void AgreementFeed::Notify() {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    absl::MutexLock lock(&mutex_);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener->OnChange();
}

void AgreementFeed::SetProgress(const v1::AgreementProgress& progress) {
  {
    absl::MutexLock lock(&mutex_);
    v1::AgreementProgress& known = progress_[progress.sibling_set_id()];
    const bool equal = known.pairs_done() == progress.pairs_done() && known.pairs_total() == progress.pairs_total();
    if (equal) return;
    known = progress;
  }
  Notify();
}

void AgreementFeed::ClearProgress(const std::string& sibling_set_id) {
  absl::MutexLock lock(&mutex_);
  progress_.erase(sibling_set_id);
}

std::optional<v1::AgreementProgress> AgreementFeed::Progress(const std::string& sibling_set_id) {
  absl::MutexLock lock(&mutex_);
  const auto found = progress_.find(sibling_set_id);
  if (found == progress_.end()) return std::nullopt;
  return found->second;
}

void AgreementFeed::Stop() {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener->OnStop();
}

}  // namespace seedbed
