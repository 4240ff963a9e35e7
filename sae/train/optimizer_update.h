// One step of an optimiser, as the constants that its loop over the elements needs.
#ifndef SEEDBED_SAE_TRAIN_OPTIMIZER_UPDATE_H_
#define SEEDBED_SAE_TRAIN_OPTIMIZER_UPDATE_H_

#include <cstdint>

#include "sae/train/adam.h"
#include "sae/train/optimizer_options.h"

namespace seedbed {

// Sign descent on z, of which x is a running average; gradients are taken at y between them (Defazio et al. 2024,
// "The Road Less Scheduled", equations 3-5; schedulefree's ScheduleFreeWrapper):
//   z -= learning_rate sign(gradient)
//   x += average_weight (z - x)
//   y  = momentum x + (1 - momentum) z
// The parameter is y, its one moment z; x = y + (1 - 1 / momentum) (z - y).
struct SignumUpdate {
  float learning_rate = 0;
  float momentum = 0;
  float average_weight = 0;
};

struct OptimizerUpdate {
  OptimizerKind kind = OptimizerKind::kAdam;
  float gradient_scale = 1;  // What every gradient is multiplied by: clipping.
  AdamUpdate adam;           // Of kAdam.
  SignumUpdate signum;       // Of kSignum.
};

// Makes the updates of consecutive steps. Not thread-safe.
class OptimizerSchedule {
 public:
  explicit OptimizerSchedule(const OptimizerOptions& options) : options_(options) {}

  OptimizerUpdate Next(double learning_rate, double gradient_scale);

  // Calls visit(name, address) for every number that decides what follows, besides the options.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("step", &step_);
    visit("largest_rate", &largest_rate_);
    visit("weight_sum", &weight_sum_);
  }

 private:
  OptimizerOptions options_;
  int64_t step_ = 0;
  // Of Signum: z's weight in its average is the square of the largest learning rate so far, of the sum of those.
  double largest_rate_ = 0;
  double weight_sum_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_OPTIMIZER_UPDATE_H_
