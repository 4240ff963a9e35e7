#include "sae/train/sparsity_controller.h"

#include <algorithm>
#include <cmath>

namespace seedbed {
namespace {

constexpr double kIntegralGain = 100;  // Of a lag that lasts for the whole training.
constexpr double kProportionalGain = 3;
constexpr double kLargestLag = 0.5;
// The coefficient may fall faster than it rises: latents that were lost come back slowly, if at all.
constexpr double kLargestLagAbove = 0.07;
constexpr double kLargestLagBelow = 0.1;
constexpr double kTolerance = 0.005;

constexpr double kSmoothedPart = 0.02;  // Of all steps.
constexpr double kLeastSmoothed = 5;
constexpr double kLeastPace = 0.1;  // Of the learning rate, relative to its peak, in the proportional gain.
constexpr double kLeastL0 = 1e-3;   // What no latent at all counts as.

// Parts of the sum of all learning rates.
constexpr double kStart = 0.01;
constexpr double kApproach = 0.7;
// With kL0 thresholds go on to rise for long after a penalty has gone, and latents that they have passed don't come
// back: L0 has to come from above, and to be foreseen. Steps are counted in such as all would be at the peak.
constexpr double kApproachOfL0 = 0.95;
constexpr double kLeadOfL0 = 0.65;

// The sum of all steps' learning rates, of many steps from a sample.
double TotalRate(const LearningRateSchedule& schedule) {
  constexpr int64_t kMostSamples = 4096;
  const int64_t steps = std::max<int64_t>(1, schedule.total_steps);
  const int64_t samples = std::min(steps, kMostSamples);
  const double each = static_cast<double>(steps) / static_cast<double>(samples);
  double sum = 0;
  for (int64_t i = 0; i < samples; ++i) {
    sum += schedule.At(static_cast<int64_t>((static_cast<double>(i) + 0.5) * each));
  }
  return sum * each;
}

}  // namespace

SparsityController::SparsityController(const Options& options)
    : options_(options),
      log_start_(std::log(options.coefficient > 0 ? options.coefficient : 1)),
      steps_(static_cast<double>(std::max<int64_t>(1, options.learning_rate.total_steps))),
      total_rate_(TotalRate(options.learning_rate)),
      window_(std::max(kLeastSmoothed, kSmoothedPart * steps_)),
      approach_(options.penalty == PenaltyKind::kL0 ? kApproachOfL0 : kApproach),
      lead_(options.penalty == PenaltyKind::kL0 ? kLeadOfL0 * total_rate_ / options.learning_rate.peak : 0) {}

double SparsityController::coefficient() const {
  const double log = std::clamp(integral_ + proportional_, -kLargestLogFactor, largest_log_factor_);
  return std::exp(log_start_ + log);
}

void SparsityController::Advance(double l0, double variance, double in_force) {
  const double rate = options_.learning_rate.At(step_++);
  if (options_.penalty == PenaltyKind::kL0) {
    largest_log_factor_ =
        std::clamp(std::log(variance / options_.target_l0) - log_start_, -kLargestLogFactor, kLargestLogFactor);
  }
  Follow(l0, total_rate_ > 0 ? rate / total_rate_ : 0, in_force);
  if (options_.penalty == PenaltyKind::kDistance) {
    if (spent_ > approach_) Integrate(std::max(0.0, std::abs(distance_) - kTolerance), in_force);
    return;
  }
  const double lag_ahead = lag_ + lead_ * lag_moved_;
  if (!ArrivesByItself()) Integrate(lag_ahead, in_force);
  const double pace = std::clamp(rate / options_.learning_rate.peak, kLeastPace, 1.0);
  proportional_ = kProportionalGain * std::clamp(lag_ahead, -kLargestLag, kLargestLag) / std::sqrt(pace);
}

void SparsityController::Follow(double l0, double spent, double in_force) {
  smoothed_weight_ += (1 - smoothed_weight_) / window_;
  smoothed_l0_ += (l0 - smoothed_l0_) / (window_ * smoothed_weight_);
  const double distance = std::log(std::max(smoothed_l0_, kLeastL0) / options_.target_l0);
  moved_ += (distance - distance_ - moved_) / window_;
  distance_ = distance;
  spent_ += spent;
  spent_each_ += (spent - spent_each_) / window_;
  if (spent_ < kStart || in_force < 0.5) {
    start_distance_ = distance_;
    start_spent_ = spent_;
    moved_ = 0;
  }
  const double lag = distance_ - Wanted();
  lag_moved_ += (lag - lag_ - lag_moved_) / window_;
  lag_ = lag;
}

double SparsityController::Wanted() const {
  const double length = approach_ * (1 - start_spent_);
  const double left = length > 0 ? std::max(0.0, 1 - (spent_ - start_spent_) / length) : 0;
  return start_distance_ * left;
}

bool SparsityController::ArrivesByItself() const {
  if (spent_each_ <= 0) return false;
  const double at_arrival = distance_ + moved_ / spent_each_ * std::max(0.0, approach_ - spent_);
  return lag_ * at_arrival < 0;
}

void SparsityController::Integrate(double error, double in_force) {
  const double change = kIntegralGain / steps_ * in_force * std::clamp(error, -kLargestLagBelow, kLargestLagAbove);
  integral_ = std::clamp(integral_ + change, -kLargestLogFactor, largest_log_factor_);
}

}  // namespace seedbed
