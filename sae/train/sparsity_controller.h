// Steers the coefficient of a sparsity penalty so that training ends with a given number of active latents.
#ifndef SEEDBED_SAE_TRAIN_SPARSITY_CONTROLLER_H_
#define SEEDBED_SAE_TRAIN_SPARSITY_CONTROLLER_H_

#include <cstdint>

#include "sae/train/learning_rate.h"

namespace seedbed {

// How L0 answers to a penalty's coefficient.
enum class PenaltyKind {
  kActivations,  // Falls as it grows: a penalty on activations (relu, gated).
  kL0,           // Likewise, a penalty on L0 itself (jumprelu).
  kDistance,  // Is pulled towards the target from either side, the harder the more (jumprelu of dictionary_learning).
};

// A proportional-integral-derivative controller of the coefficient's logarithm. All distances are of log L0, smoothed
// over 2 % of the steps, to log target_l0.
//   Approach      L0 is led to the target on a line that ends there when 70 % of the sum of all learning rates is
//                 spent, under a linear decay to 0 that is at 45 % of the steps; with kL0 95 %, at 78 % of the steps.
//                 To a target that lies far off from the start the controller would answer with a coefficient that
//                 kills latents for good.
//   Proportional  To how far L0 lags behind that line, with kL0 to how far it will a little later. Grows as the
//                 learning rate fades and weights answer less.
//   Integral      Of the same, within limits, so that what an answer that takes its time winds up stays small; not
//                 at all while L0 will be at the target in time at its present pace.
// With kDistance the coefficient only grows, once the approach is over and while L0 is off by more than half a percent.
// Deterministic. Not thread-safe.
class SparsityController {
 public:
  struct Options {
    double coefficient = 0;  // Where it starts; 0 counts as 1. It stays within a factor of 10^4 of that.
    double target_l0 = 0;    // Above 0.
    PenaltyKind penalty = PenaltyKind::kActivations;
    LearningRateSchedule learning_rate;  // Of the whole training.
  };

  explicit SparsityController(const Options& options);

  // Of the next step.
  double coefficient() const;

  // A step was taken whose mean number of active latents was `l0`, under the part `in_force` (0 to 1) of the
  // coefficient. The approach begins once that is a half. `variance` is that of the step's batch, a row: with kL0 the
  // coefficient is at most variance / target_l0, where the latents cost what they can explain; beyond that weights
  // hardly learn and L0 falls no faster.
  void Advance(double l0, double variance, double in_force);

  // Calls visit(name, address) for every number that decides what follows, besides the options.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("step", &step_);
    visit("spent", &spent_);
    visit("smoothed_l0", &smoothed_l0_);
    visit("smoothed_weight", &smoothed_weight_);
    visit("distance", &distance_);
    visit("lag", &lag_);
    visit("moved", &moved_);
    visit("lag_moved", &lag_moved_);
    visit("spent_each", &spent_each_);
    visit("start_distance", &start_distance_);
    visit("start_spent", &start_spent_);
    visit("largest_log_factor", &largest_log_factor_);
    visit("integral", &integral_);
    visit("proportional", &proportional_);
  }

 private:
  static constexpr double kLargestLogFactor = 9.210340371976184;  // log 10^4

  // Takes a step's L0 in; `spent` is the step's part of the sum of all learning rates.
  void Follow(double l0, double spent, double in_force);
  // Where the approach wants distance_ to be.
  double Wanted() const;
  // Whether at its present pace L0 crosses the target while there is time.
  bool ArrivesByItself() const;
  void Integrate(double error, double in_force);

  const Options options_;
  const double log_start_;
  const double steps_;
  const double total_rate_;  // The sum of the learning rates of all steps.
  const double window_;      // Steps that are smoothed over.
  const double approach_;    // The part of total_rate_ that it takes.
  const double lead_;        // Steps that a lag is looked ahead of.
  int64_t step_ = 0;
  double spent_ = 0;  // The part of total_rate_ that is spent.
  double smoothed_l0_ = 0;
  double smoothed_weight_ = 0;                     // Of the steps so far in the average that is smoothed_l0_.
  double distance_ = 0;                            // Of the smoothed L0 from the target.
  double lag_ = 0;                                 // Of distance_ behind where the approach wants it.
  double moved_ = 0;                               // What distance_ changed by in a step, smoothed.
  double lag_moved_ = 0;                           // The same of lag_.
  double spent_each_ = 0;                          // What was spent in a step, smoothed likewise.
  double start_distance_ = 0;                      // Where the approach began,
  double start_spent_ = 0;                         // and when.
  double largest_log_factor_ = kLargestLogFactor;  // Of the coefficient to its start.
  double integral_ = 0;
  double proportional_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_SPARSITY_CONTROLLER_H_
