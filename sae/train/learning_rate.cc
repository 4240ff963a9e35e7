#include "sae/train/learning_rate.h"

#include <algorithm>

namespace seedbed {

double LearningRateSchedule::At(int64_t step) const {
  if (step < warmup_steps) return peak * (static_cast<double>(step) / static_cast<double>(warmup_steps));
  if (decay == Decay::kConstant) return peak;
  const double left = static_cast<double>(total_steps - step);
  const double span = static_cast<double>(std::max<int64_t>(1, total_steps - warmup_steps));
  return peak * std::max(0.0, left / span);
}

}  // namespace seedbed
