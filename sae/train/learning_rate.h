// The learning rate of each step.
#ifndef SEEDBED_SAE_TRAIN_LEARNING_RATE_H_
#define SEEDBED_SAE_TRAIN_LEARNING_RATE_H_

#include <cstdint>

namespace seedbed {

// transformers' get_linear_schedule_with_warmup, which sparsify uses, or its warm-up alone.
struct LearningRateSchedule {
  enum class Decay { kLinear, kConstant };

  double peak = 0;
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;
  Decay decay = Decay::kLinear;

  // Of the step after `step` steps (from 0). With a warm-up the first is 0, as in transformers.
  double At(int64_t step) const;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_LEARNING_RATE_H_
