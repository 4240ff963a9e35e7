#include "sae/train/learning_rate.h"

#include <algorithm>
#include <cmath>

namespace seedbed {
namespace {

// What is left at `step` of the way from `begin` to `end`, 0..1.
double LeftOf(int64_t step, int64_t begin, int64_t end) {
  const double span = static_cast<double>(std::max<int64_t>(1, end - begin));
  return std::clamp(static_cast<double>(end - step) / span, 0.0, 1.0);
}

}  // namespace

double LearningRateSchedule::At(int64_t step) const {
  if (step < warmup_steps) {
    const int64_t done = warmup_starts_above_zero ? step + 1 : step;
    return peak * (static_cast<double>(done) / static_cast<double>(warmup_steps));
  }
  switch (decay) {
    case Decay::kConstant:
      return peak;
    case Decay::kCosine:
      return final + (peak - final) * (1 + std::cos(M_PI * (1 - LeftOf(step, warmup_steps, total_steps)))) / 2;
    case Decay::kLinear:
      break;
  }
  return peak * LeftOf(step, std::max(warmup_steps, decay_start_step), total_steps);
}

}  // namespace seedbed
