// The learning rate of each step.
#ifndef SEEDBED_SAE_TRAIN_LEARNING_RATE_H_
#define SEEDBED_SAE_TRAIN_LEARNING_RATE_H_

#include <cstdint>

namespace seedbed {

// A linear warm-up, then
//   linear    constant until decay_start_step, from there on a line to 0 at total_steps: transformers'
//             get_linear_schedule_with_warmup, which sparsify uses, where the decay starts as the warm-up ends;
//             dictionary_learning's get_lr_schedule and SAELens' decay of a constant rate elsewhere
//   constant  nothing
//   cosine    half a cosine from the end of the warm-up to `final` at total_steps: torch's CosineAnnealingLR
struct LearningRateSchedule {
  enum class Decay { kLinear, kConstant, kCosine };

  double peak = 0;
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;
  Decay decay = Decay::kLinear;
  int64_t decay_start_step = 0;  // Of kLinear; what is less than warmup_steps counts as that.
  double final = 0;              // Of kCosine.
  // Whether the first step of a warm-up has the rate peak / warmup_steps, as in SAELens, or 0.
  bool warmup_starts_above_zero = false;

  // Of the step after `step` steps (from 0).
  double At(int64_t step) const;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_LEARNING_RATE_H_
