// Inspects the files of sweeps for the coordinator, beside whatever trains: takes no slot and holds up no session.
#ifndef SEEDBED_WORKER_DAEMON_INSPECTOR_H_
#define SEEDBED_WORKER_DAEMON_INSPECTOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "seedbed/v1/worker.pb.h"
#include "worker/daemon/inspection_process.h"
#include "worker/daemon/wake_pipe.h"

namespace seedbed {

// Thread-safe.
class Inspector {
 public:
  struct Options {
    std::string trainer_path;
    std::string folder;  // For the files of inspections; cleared at the start.
    absl::Duration time_limit = absl::Seconds(60);
    size_t most_at_once = 2;  // The others wait their turn.
    // Called from the inspector's thread after Results() has changed. Must not call back.
    std::function<void()> on_change;
  };

  // `clock` must outlive the inspector. Errors: the folder, no pipe, no thread.
  static absl::StatusOr<std::unique_ptr<Inspector>> Start(Options options, Clock* clock);
  // Stops.
  ~Inspector();

  // The newest truth about which inspections are wanted. What is not wanted is killed and forgotten.
  void Apply(const v1::WorkerDirective& directive);

  // Of every inspection that is wanted and has ended, by id.
  std::vector<v1::InspectionResult> Results() const;

  // Kills whatever runs. Idempotent.
  void Stop();

 private:
  Inspector(Options options, Clock* clock, WakePipe wake);

  struct Orders {
    std::vector<v1::InspectionRequest> wanted;  // In the order in which they are started.
    bool stopping = false;
  };

  Orders ReadOrders();

  // On the inspector's thread.
  void Loop();
  void WaitForNews();
  // True when the results have changed.
  bool Reconcile(const Orders& orders);
  size_t Running() const;
  void Publish();

  const Options options_;
  Clock* const clock_;
  const WakePipe wake_;

  // Of the inspector's thread alone.
  int64_t started_ = 0;
  std::map<std::string, std::unique_ptr<InspectionProcess>> inspections_;  // By id.

  mutable absl::Mutex mutex_;
  Orders orders_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::InspectionResult> results_ ABSL_GUARDED_BY(mutex_);

  absl::Mutex join_mutex_;
  std::thread thread_ ABSL_GUARDED_BY(join_mutex_);
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_DAEMON_INSPECTOR_H_
