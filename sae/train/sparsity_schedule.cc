#include "sae/train/sparsity_schedule.h"

namespace seedbed {

SparsitySchedule::SparsitySchedule(const SparsityOptions& options) : options_(options) {
  if (options.target_l0 == 0) return;
  controller_.emplace(
      SparsityController::Options{options.coefficient, options.target_l0, options.penalty, options.learning_rate});
}

double SparsitySchedule::Coefficient() const {
  return WarmupPart() * (controller_.has_value() ? controller_->coefficient() : options_.coefficient);
}

void SparsitySchedule::Advance(const SparsityStep& step) {
  if (controller_.has_value()) controller_->Advance(step, WarmupPart());
  ++step_;
}

double SparsitySchedule::WarmupPart() const {
  if (step_ >= options_.warmup_steps) return 1;
  return static_cast<double>(step_) / static_cast<double>(options_.warmup_steps);
}

}  // namespace seedbed
