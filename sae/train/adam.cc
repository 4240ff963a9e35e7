#include "sae/train/adam.h"

#include <cmath>

namespace seedbed {

AdamUpdate AdamUpdateAt(const OptimizerOptions& options, int64_t step, double learning_rate) {
  const double t = static_cast<double>(step);
  const double correction1 = 1 - std::pow(options.beta1, t);
  const double root_correction2 = std::sqrt(1 - std::pow(options.beta2, t));
  AdamUpdate update;
  update.beta1 = static_cast<float>(options.beta1);
  update.one_minus_beta1 = static_cast<float>(1 - options.beta1);
  update.beta2 = static_cast<float>(options.beta2);
  update.one_minus_beta2 = static_cast<float>(1 - options.beta2);
  update.step_size = static_cast<float>(learning_rate / correction1 * root_correction2);
  update.epsilon = static_cast<float>(options.epsilon * root_correction2);
  return update;
}

}  // namespace seedbed
