#include "sae/train/sparsity_schedule.h"

namespace seedbed {

double SparsitySchedule::Coefficient() const {
  if (step_ >= options_.warmup_steps) return options_.coefficient;
  return options_.coefficient * (static_cast<double>(step_) / static_cast<double>(options_.warmup_steps));
}

void SparsitySchedule::Advance(double /*l0*/) { ++step_; }

}  // namespace seedbed
