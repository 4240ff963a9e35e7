// After which steps a gang's checkpoints are taken.
#ifndef SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_SCHEDULE_H_
#define SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_SCHEDULE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace seedbed {

// Pure. Ranks that never speak to each other find the same steps, or steps of which the one's are among the other's:
//   by rows     every step that passes a multiple of every_rows
//   by time     every multiple of the largest power of two of steps that take no longer than `every`, at the rate so
//               far. A slower rank has the smaller power, whose multiples hold all those of the larger one.
class CheckpointSchedule {
 public:
  // 0 = not by rows, not by time. `batch_rows`: that a step is trained on.
  CheckpointSchedule(int64_t every_rows, absl::Duration every, int64_t batch_rows);

  // `step`: just taken, from 1. `taken` steps of it were this process's own, in `elapsed`.
  bool IsDue(int64_t step, int64_t taken, absl::Duration elapsed) const;

 private:
  bool IsDueByRows(int64_t step) const;
  bool IsDueByTime(int64_t step, int64_t taken, absl::Duration elapsed) const;

  int64_t every_rows_;
  absl::Duration every_;
  int64_t batch_rows_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_CHECKPOINT_CHECKPOINT_SCHEDULE_H_
