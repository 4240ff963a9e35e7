// The worker daemon: the session with the coordinator on one side, the ranks of this machine on the other.
#ifndef SEEDBED_WORKER_DAEMON_WORKER_H_
#define SEEDBED_WORKER_DAEMON_WORKER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/file.h"
#include "prometheus/registry.h"
#include "seedbed/v1/worker.pb.h"
#include "worker/daemon/inspector.h"
#include "worker/daemon/rank_supervisor.h"
#include "worker/daemon/session_client.h"
#include "worker/daemon/worker_metrics.h"

namespace seedbed {

// Without a session for longer than this a worker is not healthy.
inline constexpr absl::Duration kLongestWithoutSession = absl::Seconds(30);

// Thread-safe.
class Worker {
 public:
  struct Options {
    std::string name;  // WorkerReport.worker_name
    std::vector<v1::Slot> slots;
    std::map<std::string, std::string> labels;  // WorkerReport.labels
    RankOptions ranks;
    absl::Duration inspection_limit = absl::Seconds(60);  // For one look at the files of a sweep.
    SessionClient::Options session;
    // From a thread of the worker, at most once: the coordinator will not have this worker. Call Stop next, from
    // another thread.
    std::function<void(const absl::Status&)> on_refused;
  };

  // Takes the scratch folder for itself, clears it of an earlier life's ranks, and begins to connect: a coordinator
  // that is not there yet is no error. FAILED_PRECONDITION when another worker has the scratch folder. `registry` and
  // `clock` must outlive the worker.
  static absl::StatusOr<std::unique_ptr<Worker>> Start(Options options, prometheus::Registry& registry, Clock* clock);
  // Stops.
  ~Worker();

  // Stops every rank (SIGTERM, and SIGKILL after the grace), reports that if there is a session, and closes it.
  // Idempotent.
  void Stop();

  // UNAVAILABLE when there has been no session for longer than kLongestWithoutSession.
  absl::Status Health() const;

 private:
  Worker(Options options, FileLock scratch_lock, prometheus::Registry& registry, Clock* clock);
  absl::Status StartParts();
  v1::WorkerReport MakeReport() const;

  const Options options_;
  Clock* const clock_;
  const std::string instance_id_;
  const FileLock scratch_lock_;
  WorkerMetrics metrics_;
  // Session and others call each other, so the session exists before them and is stopped after them.
  std::unique_ptr<SessionClient> session_;
  std::unique_ptr<Inspector> inspector_;
  std::unique_ptr<RankSupervisor> ranks_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_WORKER_H_
