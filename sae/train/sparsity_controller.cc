#include "sae/train/sparsity_controller.h"

#include <algorithm>
#include <cmath>

namespace seedbed {
namespace {

constexpr double kSmoothedPart = 0.02;  // Of all steps.
constexpr double kLeastSmoothed = 5;
constexpr double kLeastPace = 0.1;  // Of the learning rate, relative to its peak, where steps are compared by it.
constexpr double kLeastL0 = 1e-3;   // What no latent at all counts as.
constexpr double kStart = 0.01;     // Progress before which L0 is not judged.

// Of kActivations.
constexpr double kIntegralGain = 100;  // Of a lag that lasts for the whole training.
constexpr double kProportionalGain = 3;
constexpr double kLargestLag = 0.5;
// The coefficient may fall faster than it rises: latents that were lost come back slowly, if at all.
constexpr double kLargestLagAbove = 0.07;
constexpr double kLargestLagBelow = 0.1;
constexpr double kApproach = 0.7;  // Progress that it takes.

// Of kL0 and kDistance.
constexpr double kPaceGain = 1;
constexpr double kPaceIntegralGain = 10;  // Of an error that lasts for the whole training.
constexpr double kLargestPaceError = 2;
constexpr double kArrival = 0.84;        // Progress at which L0 is to be there.
constexpr double kPartOfTimeLeft = 0.5;  // In which L0 would arrive if the pace stayed: distance ~ time left^2.
constexpr double kLeastTimeLeft = 0.05;  // Progress; what is left of a distance fades over it after the arrival.
constexpr double kLikelyPrice = 0.4;     // Of kL0, of squared error / target.
constexpr double kLeastError = 0.12;     // That it is at least reckoned from, of the variance.
constexpr double kBeyondLikely = 0.2;    // Of the integral gain.
constexpr double kLeastExcess = 0.01;    // Of kDistance: |L0 / target - 1|.

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
      steps_(static_cast<double>(std::max<int64_t>(1, options.learning_rate.total_steps))),
      total_rate_(TotalRate(options.learning_rate)),
      window_(std::max(kLeastSmoothed, kSmoothedPart * steps_)),
      log_start_(std::log(options.coefficient > 0 ? options.coefficient : 1)) {}

double SparsityController::coefficient() const {
  const double largest = std::max(integral_, likely_log_factor_);
  const double log = std::clamp(integral_ + proportional_, -kLargestLogFactor, largest);
  return std::exp(log_start_ + log - LogOfCost());
}

void SparsityController::Advance(const SparsityStep& step, double in_force) {
  const bool is_first = step_ == 0;
  const double rate = options_.learning_rate.At(step_++);
  Follow(step, total_rate_ > 0 ? rate / total_rate_ : 0, in_force);
  if (options_.penalty == PenaltyKind::kActivations) {
    SteerPlace(rate, in_force);
    return;
  }
  if (is_first) log_start_ += LogOfCost();
  LimitPrice(step);
  SteerPace(in_force);
}

void SparsityController::Follow(const SparsityStep& step, double spent, double in_force) {
  smoothed_weight_ += (1 - smoothed_weight_) / window_;
  smoothed_l0_ += (step.l0 - smoothed_l0_) / (window_ * smoothed_weight_);
  smoothed_error_ += (step.squared_error - smoothed_error_) / (window_ * smoothed_weight_);
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
}

double SparsityController::LogOfCost() const {
  if (options_.penalty != PenaltyKind::kDistance || step_ == 0) return 0;
  const double excess = std::max(kLeastExcess, std::abs(smoothed_l0_ / options_.target_l0 - 1));
  return std::log(2 * excess / options_.target_l0);
}

void SparsityController::LimitPrice(const SparsityStep& step) {
  const auto log_factor = [&](double price) {
    return std::clamp(std::log(price / options_.target_l0) - log_start_, -kLargestLogFactor, kLargestLogFactor);
  };
  largest_log_factor_ = log_factor(step.variance);
  likely_log_factor_ = options_.penalty == PenaltyKind::kL0
                           ? log_factor(kLikelyPrice * std::max(smoothed_error_, kLeastError * step.variance))
                           : largest_log_factor_;
}

void SparsityController::SteerPlace(double rate, double in_force) {
  const double lag = distance_ - Wanted();
  if (!ArrivesByItself(lag)) {
    Integrate(kIntegralGain * in_force * std::clamp(lag, -kLargestLagBelow, kLargestLagAbove));
  }
  const double pace = std::clamp(rate / options_.learning_rate.peak, kLeastPace, 1.0);
  proportional_ = kProportionalGain * std::clamp(lag, -kLargestLag, kLargestLag) / std::sqrt(pace);
}

double SparsityController::Wanted() const {
  const double length = kApproach * (1 - start_spent_);
  const double left = length > 0 ? std::max(0.0, 1 - (spent_ - start_spent_) / length) : 0;
  return start_distance_ * left;
}

bool SparsityController::ArrivesByItself(double lag) const {
  if (spent_each_ <= 0) return false;
  const double at_arrival = distance_ + moved_ / spent_each_ * std::max(0.0, kApproach - spent_);
  return lag * at_arrival < 0;
}

void SparsityController::SteerPace(double in_force) {
  double error = std::clamp(PaceError(), -kLargestPaceError, kLargestPaceError);
  // Below the target such a penalty lifts L0.
  if (options_.penalty == PenaltyKind::kDistance && distance_ < 0) error = -error;
  proportional_ = kPaceGain * error;
  Integrate(kPaceIntegralGain * in_force * error);
}

double SparsityController::PaceError() const {
  const double least_spent = kLeastPace * options_.learning_rate.peak / total_rate_;
  const double pace = moved_ / std::max(spent_each_, least_spent);
  const double time_left = std::max(kPartOfTimeLeft * (kArrival - spent_), kLeastTimeLeft);
  return pace + distance_ / time_left;
}

void SparsityController::Integrate(double change) {
  if (change > 0 && integral_ >= likely_log_factor_) change *= kBeyondLikely;
  integral_ = std::clamp(integral_ + change / steps_, -kLargestLogFactor, largest_log_factor_);
}

}  // namespace seedbed
