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
constexpr double kLastArrival = 0.9;

const double kLargestLogFactor = std::log(1e4);

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
      window_(std::max(kLeastSmoothed, kSmoothedPart * steps_)) {}

double SparsityController::coefficient() const {
  return std::exp(log_start_ + std::clamp(integral_ + proportional_, -kLargestLogFactor, kLargestLogFactor));
}

void SparsityController::Advance(double l0, double in_force) {
  const double rate = options_.learning_rate.At(step_++);
  Follow(l0, total_rate_ > 0 ? rate / total_rate_ : 0, in_force);
  if (options_.pulls_to_target) {
    if (spent_ > kApproach) Integrate(std::max(0.0, std::abs(distance_) - kTolerance), in_force);
    return;
  }
  const double lag = Lag();
  if (!ArrivesByItself()) Integrate(lag, in_force);
  const double pace = std::clamp(rate / options_.learning_rate.peak, kLeastPace, 1.0);
  proportional_ = kProportionalGain * std::clamp(lag, -kLargestLag, kLargestLag) / std::sqrt(pace);
}

void SparsityController::Follow(double l0, double spent, double in_force) {
  smoothed_weight_ += (1 - smoothed_weight_) / window_;
  smoothed_l0_ += (l0 - smoothed_l0_) / (window_ * smoothed_weight_);
  const double before = distance_;
  distance_ = std::log(std::max(smoothed_l0_, kLeastL0) / options_.target_l0);
  spent_ += spent;
  moved_ += (distance_ - before - moved_) / window_;
  spent_each_ += (spent - spent_each_) / window_;
  if (spent_ < kStart || in_force < 0.5) {
    start_distance_ = distance_;
    start_spent_ = spent_;
  }
}

double SparsityController::Lag() const {
  const double length = kApproach * (1 - start_spent_);
  const double left = length > 0 ? std::max(0.0, 1 - (spent_ - start_spent_) / length) : 0;
  return distance_ - start_distance_ * left;
}

bool SparsityController::ArrivesByItself() const {
  if (spent_ < kStart || spent_each_ <= 0) return false;
  const double at_arrival = distance_ + moved_ / spent_each_ * std::max(0.0, kLastArrival - spent_);
  return Lag() * at_arrival < 0;
}

void SparsityController::Integrate(double error, double in_force) {
  const double change = kIntegralGain / steps_ * in_force * std::clamp(error, -kLargestLagBelow, kLargestLagAbove);
  integral_ = std::clamp(integral_ + change, -kLargestLogFactor, kLargestLogFactor);
}

}  // namespace seedbed
