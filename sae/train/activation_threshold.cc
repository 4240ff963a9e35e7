#include "sae/train/activation_threshold.h"

namespace seedbed {

void ActivationThreshold::Advance(double smallest) {
  last_ = smallest;
  const int64_t step = step_++;
  if (options_.start == Start::kZero) {
    if (smallest > 0) average_ = options_.decay * average_.value_or(0) + (1 - options_.decay) * smallest;
    return;
  }
  if (step <= options_.start_step) return;
  average_ = average_.has_value() ? options_.decay * *average_ + (1 - options_.decay) * smallest : smallest;
}

}  // namespace seedbed
