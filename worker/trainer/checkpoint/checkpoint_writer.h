// Writes states to disk beside the training.
#ifndef SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_WRITER_H_
#define SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "sae/checkpoint/state_folder.h"
#include "sae/checkpoint/state_tensors.h"
#include "worker/trainer/checkpoint/checkpoint_folder.h"

namespace seedbed {

// One state of a checkpoint.
struct StateToWrite {
  std::string folder;     // As of WriteState.
  std::string made_from;  // As of StateLabel.
  StateTensors state;     // A copy, in memory that every checkpoint uses again.
};

struct CheckpointCounters {
  int64_t written = 0;        // Checkpoints, whole.
  int64_t bytes = 0;          // Of their files.
  int64_t step = 0;           // Of the newest that was written whole; 0 = none.
  absl::Duration write_time;  // Beside the training.
  absl::Duration stall_time;  // That the training waited.
};

// Has a thread of its own. While it writes, `states` is the thread's; otherwise the caller's, which is one thread. What
// can't be written is a warning in the log with the file, and the next checkpoint is tried again.
class CheckpointWriter {
 public:
  // `folder` and `clock` outlive it.
  CheckpointWriter(const CheckpointFolder* folder, int attempt, Clock* clock);
  // After the checkpoint that is being written.
  ~CheckpointWriter();

  bool is_writing() const;
  void Wait() const;

  // Not while it writes: what Start is to write, as it was left.
  std::vector<StateToWrite>& states() { return states_; }

  // Not while it writes. Writes all of `states` in their order, then removes old ones.
  void Start(int64_t step);

  // But for the stall time.
  CheckpointCounters counters() const;

 private:
  void Loop();
  absl::Status WriteAll(int64_t step, int64_t* bytes);

  const CheckpointFolder* const folder_;
  const int attempt_;
  Clock* const clock_;
  std::vector<StateToWrite> states_;

  mutable absl::Mutex mutex_;
  int64_t step_ ABSL_GUARDED_BY(mutex_) = 0;  // 0 = nothing is being written.
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  CheckpointCounters counters_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_WRITER_H_
