#include "sae/train/activation_threshold.h"

namespace seedbed {

void ActivationThreshold::Advance(double smallest) {
  last_ = smallest;
  const int64_t step = step_++;
  if (options_.start == Start::kZero) {
    if (smallest <= 0) return;
  } else if (step <= options_.start_step) {
    return;
  }
  const bool is_first = counted_++ == 0 && options_.start == Start::kFirst;
  average_ = is_first ? smallest : options_.decay * average_ + (1 - options_.decay) * smallest;
}

}  // namespace seedbed
