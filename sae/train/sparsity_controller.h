// Steers the coefficient of a sparsity penalty so that training ends with a given number of active latents.
#ifndef SEEDBED_SAE_TRAIN_SPARSITY_CONTROLLER_H_
#define SEEDBED_SAE_TRAIN_SPARSITY_CONTROLLER_H_

#include <cstdint>

#include "sae/train/learning_rate.h"

namespace seedbed {

// A proportional-integral controller of the coefficient's logarithm, which knows nothing of the loss but the direction
// in which L0 answers. All distances are of log L0, smoothed over 2 % of the steps, to log target_l0.
//   Approach   L0 is led to the target on a line, which it reaches when 70 % of the sum of all learning rates is
//              spent; under a linear decay to 0 that is at 45 % of the steps. To a target that lies far off from the
//              start the controller would answer with a coefficient that kills latents for good.
//   Integral   Changes in proportion to the lag behind that line, within limits, so that what an answer that takes
//              its time winds up stays small; not at all while L0 will get there at its present pace.
//   Proportional  Grows as the learning rate fades and weights answer less.
// Deterministic. Not thread-safe.
class SparsityController {
 public:
  struct Options {
    double coefficient = 0;  // Where it starts; 0 counts as 1. It stays within a factor of 10^4 of that.
    double target_l0 = 0;    // Above 0.
    // Whether the penalty pulls L0 towards the target itself, from either side, and the coefficient only says how
    // hard (jumprelu of dictionary_learning): then it only grows, once the approach is over and while L0 is off by
    // more than half a percent. Elsewhere more of the penalty leaves fewer latents active.
    bool pulls_to_target = false;
    LearningRateSchedule learning_rate;  // Of the whole training.
  };

  explicit SparsityController(const Options& options);

  // Of the next step.
  double coefficient() const;

  // A step was taken whose mean number of active latents was `l0`, under the part `in_force` (0 to 1) of the
  // coefficient. The approach begins once that is a half.
  void Advance(double l0, double in_force);

 private:
  // Takes a step's L0 in; `spent` is the step's part of the sum of all learning rates.
  void Follow(double l0, double spent, double in_force);
  // How far L0 is from where the approach wants it.
  double Lag() const;
  // Whether at its present pace L0 crosses the target while there is time.
  bool ArrivesByItself() const;
  void Integrate(double error, double in_force);

  const Options options_;
  const double log_start_;
  const double steps_;
  const double total_rate_;  // The sum of the learning rates of all steps.
  const double window_;      // Steps that are smoothed over.
  int64_t step_ = 0;
  double spent_ = 0;  // The part of total_rate_ that is spent.
  double smoothed_l0_ = 0;
  double smoothed_weight_ = 0;  // Of the steps so far in the average that is smoothed_l0_.
  double distance_ = 0;         // Of the smoothed L0 from the target.
  double moved_ = 0;            // What distance_ changed by in a step, smoothed.
  double spent_each_ = 0;       // What was spent in a step, smoothed likewise.
  double start_distance_ = 0;   // Where the approach began,
  double start_spent_ = 0;      // and when.
  double integral_ = 0;
  double proportional_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_SPARSITY_CONTROLLER_H_
