// Tells who watches that an agreement was stored, a sweep has ended or a set has progressed.
#ifndef SEEDBED_SERVER_RESULTS_AGREEMENT_FEED_H_
#define SEEDBED_SERVER_RESULTS_AGREEMENT_FEED_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

// Thread-safe. Listeners are called by whoever tells of the change, without a lock held.
class AgreementFeed {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // Something has changed: look at the store.
    virtual void OnChange() = 0;
    // Nothing will change any more.
    virtual void OnStop() = 0;
  };

  void Add(const std::shared_ptr<Listener>& listener) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const Listener* listener) ABSL_LOCKS_EXCLUDED(mutex_);

  // The store has changed.
  void Notify() ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells listeners only where it differs from what it was.
  void SetProgress(const v1::AgreementProgress& progress) ABSL_LOCKS_EXCLUDED(mutex_);
  // Of a set that is no longer computed.
  void ClearProgress(const std::string& sibling_set_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // None for a set that has not been begun.
  std::optional<v1::AgreementProgress> Progress(const std::string& sibling_set_id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Stops every listener, and each that is added later.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  std::vector<std::shared_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::AgreementProgress> progress_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_AGREEMENT_FEED_H_
