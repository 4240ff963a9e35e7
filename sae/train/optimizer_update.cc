#include "sae/train/optimizer_update.h"

#include <algorithm>

namespace seedbed {

OptimizerUpdate OptimizerSchedule::Next(double learning_rate, double gradient_scale) {
  ++step_;
  OptimizerUpdate update;
  update.kind = options_.kind;
  update.gradient_scale = static_cast<float>(gradient_scale);
  if (options_.kind == OptimizerKind::kAdam) {
    update.adam = AdamUpdateAt(options_, step_, learning_rate);
    return update;
  }
  largest_rate_ = std::max(largest_rate_, learning_rate);
  const double weight = largest_rate_ * largest_rate_;
  weight_sum_ += weight;
  update.signum.learning_rate = static_cast<float>(learning_rate);
  update.signum.momentum = static_cast<float>(options_.momentum);
  update.signum.average_weight = weight_sum_ > 0 ? static_cast<float>(weight / weight_sum_) : 0;
  return update;
}

}  // namespace seedbed
