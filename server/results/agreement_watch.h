// One WatchAgreement stream.
#ifndef SEEDBED_SERVER_RESULTS_AGREEMENT_WATCH_H_
#define SEEDBED_SERVER_RESULTS_AGREEMENT_WATCH_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "seedbed/v1/results.pb.h"
#include "server/results/agreement_feed.h"
#include "server/results/results_store.h"

namespace seedbed {

// Holds one message at a time: what a slow watcher has not read yet stays in the store, and progress that was overtaken
// is not sent.
class AgreementWatch final : public grpc::ServerWriteReactor<v1::WatchAgreementResponse>,
                             public AgreementFeed::Listener,
                             public std::enable_shared_from_this<AgreementWatch> {
 public:
  // The stream owns itself until it is done. `store` and `feed` must outlive it.
  static AgreementWatch* Start(ResultsStore* store, AgreementFeed* feed, const std::string& sweep_id);

  void OnChange() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnStop() override ABSL_LOCKS_EXCLUDED(mutex_);

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override;

 private:
  AgreementWatch(ResultsStore* store, AgreementFeed* feed, std::string sweep_id)
      : store_(store), feed_(feed), sweep_id_(std::move(sweep_id)) {}

  // Sends what is next, or ends the stream, or leaves it to the next change.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether there is something to send; it is in `response_`.
  absl::StatusOr<bool> NextUpdate(const ResultsStore::SweepState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NextProgress(const ResultsStore::SweepState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishWith(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ResultsStore* const store_;
  AgreementFeed* const feed_;
  const std::string sweep_id_;

  absl::Mutex mutex_;
  std::shared_ptr<AgreementWatch> self_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> sent_ ABSL_GUARDED_BY(mutex_);             // Sets whose agreement was sent.
  std::map<std::string, int> pairs_sent_ ABSL_GUARDED_BY(mutex_);  // By set: pairs_done of what was sent last.
  v1::WatchAgreementResponse response_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> final_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_AGREEMENT_WATCH_H_
