// Keeps the ranks of one worker as the coordinator wants them: one thread that listens to all of them, reconciles, and
// watches the lease.
#ifndef SEEDBED_WORKER_DAEMON_RANK_SUPERVISOR_H_
#define SEEDBED_WORKER_DAEMON_RANK_SUPERVISOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "seedbed/v1/worker.pb.h"
#include "worker/daemon/lease.h"
#include "worker/daemon/rank_process.h"
#include "worker/daemon/reconciler.h"
#include "worker/daemon/wake_pipe.h"
#include "worker/daemon/worker_metrics.h"

namespace seedbed {

// Thread-safe.
class RankSupervisor {
 public:
  struct Options {
    RankOptions ranks;
    std::vector<v1::Slot> slots;
    // Called from the supervisor's thread after Statuses() has changed. Must not call back.
    std::function<void()> on_change;
  };

  // `clock` and `metrics` must outlive the supervisor. Errors: no pipe, no thread.
  static absl::StatusOr<std::unique_ptr<RankSupervisor>> Start(Options options, Clock* clock, WorkerMetrics* metrics);
  // Stops.
  ~RankSupervisor();

  // The newest truth about what should run. `report_sent_at` is when, by the monotonic clock, the report was sent that
  // it answers; nullopt when it answers none that is known, which renews no lease.
  void Apply(const v1::WorkerDirective& directive, std::optional<absl::Duration> report_sent_at);

  // Every rank that is known, by gang, attempt and rank.
  std::vector<v1::RankStatus> Statuses() const;

  // Number of the newest directive that Statuses() takes into account, if this is asked for first; 0 = none.
  uint64_t applied_directive() const;

  // Starts nothing any more, stops every rank and waits until all have ended, no longer than the stop grace and a
  // little. Statuses() holds their ends. Idempotent.
  void Stop();

 private:
  RankSupervisor(Options options, Clock* clock, WorkerMetrics* metrics, WakePipe wake);

  struct Orders {
    std::shared_ptr<const v1::WorkerDirective> directive;  // Null = the coordinator has not spoken.
    Lease lease;
    bool stopping = false;
  };

  Orders ReadOrders();

  // On the supervisor's thread.
  void Loop();
  void WaitForNews();
  bool AdvanceRanks();
  bool Execute(const Plan& plan, const v1::WorkerDirective* directive);
  void StartRank(const RankId& id, const v1::WorkerDirective& directive);
  ReconcileInput Observe(const Orders& orders) const;
  void Publish(const Orders& orders);
  void NoteApplied(const Orders& orders) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AnyRuns() const;

  const Options options_;
  Clock* const clock_;
  WorkerMetrics* const metrics_;
  const WakePipe wake_;

  // Of the supervisor's thread alone.
  std::map<RankId, std::unique_ptr<RankProcess>> ranks_;

  mutable absl::Mutex mutex_;
  Orders orders_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::RankStatus> statuses_ ABSL_GUARDED_BY(mutex_);
  uint64_t applied_directive_ ABSL_GUARDED_BY(mutex_) = 0;

  absl::Mutex join_mutex_;
  std::thread thread_ ABSL_GUARDED_BY(join_mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_RANK_SUPERVISOR_H_
