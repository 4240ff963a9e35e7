// What is known of one rank from what it says over its pipe. Pure.
#ifndef SEEDBED_WORKER_DAEMON_RANK_TRACKER_H_
#define SEEDBED_WORKER_DAEMON_RANK_TRACKER_H_

#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "seedbed/v1/trainer.pb.h"
#include "seedbed/v1/worker.pb.h"

namespace seedbed {

// A report holds something of every rank and run and must stay far below what the session takes.
inline constexpr size_t kMostRankMessageBytes = 64 << 10;

// Not thread-safe.
class RankTracker {
 public:
  // Begins as STARTING. `host` is what the other ranks reach this machine by.
  RankTracker(const v1::DesiredRank& desired, std::string host);

  // INVALID_ARGUMENT, with nothing changed, for a message that makes no sense: an empty or a huge one, a run that the
  // gang does not have, a run that ended with neither or both of a result and a failure, a port out of range.
  absl::Status Apply(const v1::RankMessage& message);

  void MarkStopping() { status_.set_state(v1::RANK_STATE_STOPPING); }
  // Nothing is trained any more; outcomes stay. `failure` null = it ended well.
  void MarkExited(const v1::Failure* failure);

  const v1::RankStatus& status() const { return status_; }
  // What the rank itself gave as the reason why it gives up, kind and message filled in; nullopt = it has not.
  const std::optional<v1::Failure>& own_failure() const { return own_failure_; }
  // Latest totals since the rank's start.
  const v1::StreamProgress& stream_progress() const { return stream_progress_; }

 private:
  void ApplyFailure(const v1::Failure& failure);
  absl::Status CheckRun(const std::string& run_id) const;
  absl::Status ApplyRendezvous(const v1::RendezvousReady& ready);
  absl::Status ApplyProgress(const v1::RunProgress& progress);
  absl::Status ApplyExporting(const v1::RunExporting& exporting);
  absl::Status ApplyEnded(const v1::RunEnded& ended);
  bool HasEnded(const std::string& run_id) const;
  void DropProgress(const std::string& run_id);
  void DropExporting(const std::string& run_id);
  // The rank has got past waiting for its peers.
  void MarkRunning();

  const std::string host_;
  const int world_size_;
  std::set<std::string> run_ids_;
  v1::RankStatus status_;
  std::optional<v1::Failure> own_failure_;
  v1::StreamProgress stream_progress_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_RANK_TRACKER_H_
