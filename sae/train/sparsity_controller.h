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

// What a step showed, means over the rows y of its batch.
struct SparsityStep {
  double l0 = 0;             // Active latents.
  double squared_error = 0;  // |y - x_hat|^2
  double variance = 0;       // |y - mean of y|^2
};

// A proportional-integral controller of a logarithm. All distances are of log L0, smoothed over 2 % of the steps, to
// log target_l0; progress is the part of the sum of all learning rates that is spent.
//   kActivations  L0 follows the coefficient soon. It is led to the target on a line that ends there at a progress of
//                 70 %, under a linear decay to 0 that is at 45 % of the steps: to a target that lies far off from the
//                 start the controller would answer with a coefficient that kills latents for good. Proportional to how
//                 far L0 lags behind that line, growing as the learning rate fades and weights answer less; the
//                 integral of the same, within limits, not at all while L0 will be there in time at its present pace.
//   kL0           A threshold rises by about a learning rate a step at most, so the coefficient sets L0's pace. Wanted
//                 is the pace that takes L0 from wherever it is to the target by a progress of 84 %, slower the nearer
//                 it is. Proportional to how much faster or slower L0 moves, and the integral of that. Beyond what a
//                 latent is likely worth, 0.4 squared error / target, a coefficient hardly hastens L0, but Adam's
//                 second moments remember it for a thousand steps in which thresholds hardly answer to a lower one:
//                 from there it grows slowly, up to variance / target, where latents cost what they can explain.
//   kDistance     The same of what a latent costs, the derivative of coefficient (L0 / target - 1)^2 by L0, up to
//                 variance / target; below the target, of what one more latent gains. Within 1 % of the target the
//                 coefficient is taken as if L0 were 1 % off.
// Deterministic. Not thread-safe.
class SparsityController {
 public:
  struct Options {
    double coefficient = 0;  // Where it starts; 0 counts as 1. It, or the cost of a latent, stays within a factor of
                             // 10^4 of that.
    double target_l0 = 0;    // Above 0.
    PenaltyKind penalty = PenaltyKind::kActivations;
    LearningRateSchedule learning_rate;  // Of the whole training.
  };

  explicit SparsityController(const Options& options);

  // Of the next step.
  double coefficient() const;

  // `step` was taken under the part `in_force` (0 to 1) of the coefficient. The approach begins once that is a half.
  void Advance(const SparsityStep& step, double in_force);

  // Calls visit(name, address) for every number that decides what follows, besides the options.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("log_start", &log_start_);
    visit("step", &step_);
    visit("spent", &spent_);
    visit("smoothed_l0", &smoothed_l0_);
    visit("smoothed_weight", &smoothed_weight_);
    visit("distance", &distance_);
    visit("error", &smoothed_error_);
    visit("moved", &moved_);
    visit("spent_each", &spent_each_);
    visit("start_distance", &start_distance_);
    visit("start_spent", &start_spent_);
    visit("largest_log_factor", &largest_log_factor_);
    visit("likely_log_factor", &likely_log_factor_);
    visit("integral", &integral_);
    visit("proportional", &proportional_);
  }

 private:
  static constexpr double kLargestLogFactor = 9.210340371976184;  // log 10^4

  // Takes a step's L0 in; `spent` is the step's part of the sum of all learning rates.
  void Follow(const SparsityStep& step, double spent, double in_force);
  // The price is what is steered: the coefficient, with kDistance what a latent costs. log of price / coefficient.
  double LogOfCost() const;
  void LimitPrice(const SparsityStep& step);
  void SteerPlace(double rate, double in_force);
  void SteerPace(double in_force);
  // Where the approach wants distance_ to be.
  double Wanted() const;
  // Whether at its present pace L0 crosses the target while there is time.
  bool ArrivesByItself(double lag) const;
  // By how much distance_ moves up faster than wanted, in a progress of 1.
  double PaceError() const;
  void Integrate(double change);

  const Options options_;
  const double steps_;
  const double total_rate_;  // The sum of the learning rates of all steps.
  const double window_;      // Steps that are smoothed over.
  double log_start_;         // Of the price.
  int64_t step_ = 0;
  double spent_ = 0;  // The part of total_rate_ that is spent.
  double smoothed_l0_ = 0;
  double smoothed_weight_ = 0;                     // Of the steps so far in the average that is smoothed_l0_.
  double distance_ = 0;                            // Of the smoothed L0 from the target.
  double smoothed_error_ = 0;                      // Squared, a row.
  double moved_ = 0;                               // What distance_ changed by in a step, smoothed.
  double spent_each_ = 0;                          // What was spent in a step, smoothed likewise.
  double start_distance_ = 0;                      // Where the approach began,
  double start_spent_ = 0;                         // and when.
  double largest_log_factor_ = kLargestLogFactor;  // Of the price to its start.
  double likely_log_factor_ = kLargestLogFactor;   // Beyond which it grows slowly.
  double integral_ = 0;
  double proportional_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_SPARSITY_CONTROLLER_H_
