#include "worker/trainer/checkpoint/checkpoint_schedule.h"

namespace seedbed {

CheckpointSchedule::CheckpointSchedule(int64_t every_rows, absl::Duration every, int64_t batch_rows)
    : every_rows_(every_rows), every_(every), batch_rows_(batch_rows) {}

bool CheckpointSchedule::IsDue(int64_t step, int64_t taken, absl::Duration elapsed) const {
  return IsDueByRows(step) || IsDueByTime(step, taken, elapsed);
}

bool CheckpointSchedule::IsDueByRows(int64_t step) const {
  return every_rows_ > 0 && step * batch_rows_ / every_rows_ > (step - 1) * batch_rows_ / every_rows_;
}

bool CheckpointSchedule::IsDueByTime(int64_t step, int64_t taken, absl::Duration elapsed) const {
  if (every_ <= absl::ZeroDuration() || taken == 0) return false;
  constexpr int64_t kLongestStride = int64_t{1} << 40;
  int64_t stride = 1;
  while (stride < kLongestStride && 2 * stride * elapsed <= taken * every_) stride *= 2;
  return step % stride == 0;
}

}  // namespace seedbed
