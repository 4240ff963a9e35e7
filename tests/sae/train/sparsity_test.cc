// The controller of the sparsity coefficient against simulated trainings.
#include <algorithm>
#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "common/random.h"
#include "gtest/gtest.h"
#include "sae/train/sparsity_schedule.h"

namespace seedbed {
namespace {

constexpr int64_t kSteps = 1000;
constexpr double kVariance = 500;

// Fewer latents explain less.
SparsityStep StepOf(double l0) { return {l0, 0.15 * kVariance * std::sqrt(32 / std::max(l0, 1.0)), kVariance}; }

// How L0 answers to the coefficient. It moves towards
//   log L0 = log `balance` - elasticity log coefficient + drift (part of the training done)
// in proportion to the learning rate: at the peak by 1 / `inertia` of the way in each step, `delay` steps late.
struct Plant {
  std::string name;
  double balance = 32;
  double elasticity = 1;
  double inertia = 20;
  double drift = 0;
  int delay = 0;
  double noise = 0;  // Relative, of one batch.
  double first_l0 = 256;
};

SparsityOptions Options(int64_t steps) {
  SparsityOptions options;
  options.coefficient = 1;
  options.target_l0 = 32;
  options.learning_rate = {1e-3, steps / 20, steps, LearningRateSchedule::Decay::kLinear};
  return options;
}

struct Outcome {
  double l0 = 0;  // Mean of the last tenth.
  std::vector<double> coefficients;
};

double Normal(SplitMix64& random) {
  return std::sqrt(-2 * std::log(1 - random.Uniform())) * std::cos(2 * M_PI * random.Uniform());
}

Outcome Train(const Plant& plant, const SparsityOptions& options) {
  SparsitySchedule schedule(options);
  SplitMix64 random(1);
  const int64_t steps = options.learning_rate.total_steps;
  double log_l0 = std::log(plant.first_l0);
  std::deque<double> late(static_cast<size_t>(plant.delay), 0.0);
  Outcome outcome;
  for (int64_t t = 0; t < steps; ++t) {
    outcome.coefficients.push_back(schedule.Coefficient());
    late.push_back(std::log(outcome.coefficients.back() + 1e-6));
    const double l0 = std::exp(log_l0) * (1 + plant.noise * Normal(random));
    schedule.Advance(StepOf(l0));
    if (t >= steps - steps / 10) outcome.l0 += l0 / static_cast<double>(steps / 10);
    const double done = static_cast<double>(t) / static_cast<double>(steps);
    const double goal = std::log(plant.balance) - plant.elasticity * late.front() + plant.drift * done;
    late.pop_front();
    const double pace = options.learning_rate.At(t) / options.learning_rate.peak;
    log_l0 += pace / plant.inertia * (std::min(goal, std::log(2048.0)) - log_l0);
  }
  return outcome;
}

class SparsityPlants : public testing::TestWithParam<Plant> {};

TEST_P(SparsityPlants, TheLastTenthHasTheTarget) {
  for (const int64_t steps : {500, 1000, 4000}) {
    EXPECT_NEAR(Train(GetParam(), Options(steps)).l0, 32, 0.02 * 32) << steps;
  }
}

TEST_P(SparsityPlants, TheWarmUpHoldsAndTheTargetIsReachedAllTheSame) {
  SparsityOptions options = Options(kSteps);
  options.warmup_steps = kSteps / 4;
  const Outcome outcome = Train(GetParam(), options);
  EXPECT_EQ(outcome.coefficients.front(), 0);
  EXPECT_NEAR(outcome.l0, 32, 0.02 * 32);
}

INSTANTIATE_TEST_SUITE_P(Plants, SparsityPlants,
                         testing::Values(Plant{"Plain"}, Plant{"NeedsMuchMore", 32 * 50.0},
                                         Plant{"NeedsMuchLess", 32 / 50.0}, Plant{"Fast", 100, 1, 3},
                                         Plant{"Slow", 100, 1, 50}, Plant{"Insensitive", 60, 0.3},
                                         Plant{"Sensitive", 100, 2}, Plant{"DriftsDown", 100, 1, 20, -0.7},
                                         Plant{"DriftsUp", 100, 1, 20, 0.7}, Plant{"Delayed", 100, 1, 20, 0, 5},
                                         Plant{"Noisy", 100, 1, 20, 0, 0, 0.05},
                                         Plant{"EverythingAtOnce", 500, 0.7, 30, -0.5, 3, 0.03},
                                         Plant{"StartsBelow", 10, 1, 20, 0, 0, 0, 5}),
                         [](const auto& info) { return info.param.name; });

TEST(SparsitySchedule, WithoutATargetTheCoefficientRisesOnALineAndStays) {
  SparsityOptions options = Options(kSteps);
  options.coefficient = 0.4;
  options.target_l0 = 0;
  options.warmup_steps = 4;
  SparsitySchedule schedule(options);
  for (const double expected : {0.0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4}) {
    EXPECT_DOUBLE_EQ(schedule.Coefficient(), expected);
    schedule.Advance(StepOf(1000));
  }
}

TEST(SparsitySchedule, TheControllerStartsFromTheCoefficient) {
  SparsityOptions options = Options(kSteps);
  options.coefficient = 0.4;
  EXPECT_DOUBLE_EQ(SparsitySchedule(options).Coefficient(), 0.4);
  options.coefficient = 0;
  EXPECT_DOUBLE_EQ(SparsitySchedule(options).Coefficient(), 1);
}

// What nothing answers to can't be reached: the caller sees that by L0, and the coefficient stays a number to train
// with.
TEST(SparsitySchedule, ATargetThatCannotBeMetLeavesTheCoefficientWithinItsLimits) {
  for (const double l0 : {0.0, 5.0, 2000.0}) {
    SparsitySchedule schedule(Options(kSteps));
    for (int64_t t = 0; t < kSteps; ++t) {
      schedule.Advance(StepOf(l0));
      ASSERT_GE(schedule.Coefficient(), 0.99e-4);
      ASSERT_LE(schedule.Coefficient(), 1.01e4);
    }
    EXPECT_EQ(schedule.Coefficient() > 100, l0 > 32) << l0;
    EXPECT_EQ(schedule.Coefficient() < 0.01, l0 < 32) << l0;
  }
}

TEST(SparsitySchedule, EqualTrainingsGetEqualCoefficients) {
  const Plant plant{"Noisy", 100, 1, 20, 0, 0, 0.05};
  EXPECT_EQ(Train(plant, Options(kSteps)).coefficients, Train(plant, Options(kSteps)).coefficients);
}

// Of the smoothed L0, so that the noise of batches does not become noise of the loss.
TEST(SparsitySchedule, NoiseOfBatchesMovesTheCoefficientLittle) {
  const Outcome outcome = Train({"Noisy", 32, 1, 20, 0, 0, 0.03, 32}, Options(kSteps));
  for (size_t t = 100; t + 1 < outcome.coefficients.size(); ++t) {
    ASSERT_NEAR(outcome.coefficients[t + 1] / outcome.coefficients[t], 1, 0.1) << t;
  }
}

TEST(SparsitySchedule, APenaltyOnL0CostsAtMostWhatLatentsCanExplain) {
  SparsityOptions options = Options(kSteps);
  options.penalty = PenaltyKind::kL0;
  SparsitySchedule schedule(options);
  for (int64_t t = 0; t < kSteps; ++t) {
    schedule.Advance(StepOf(2000));
    ASSERT_LE(schedule.Coefficient(), 1.001 * kVariance / 32);
  }
  EXPECT_GT(schedule.Coefficient(), 0.3 * kVariance / 32);
}

// How the thresholds of jumprelu answer. L0 moves by what a latent costs, against what it is worth:
//   log worth = log `worth` + log (32 / L0) / 2,  pace = tanh(log cost - log worth)
// and at the peak of the learning rate by pace / `inertia` in log L0 a step. Adam's second moments remember a higher
// cost for `memory` steps, in which a lower one slows down; weights that learn let L0 drift by `drift` in the training.
struct ThresholdPlant {
  std::string name;
  PenaltyKind penalty = PenaltyKind::kL0;
  double worth = 0.7;
  double inertia = 400;
  double memory = 1;
  double drift = 0;
  double noise = 0;
  double first_l0 = 400;
};

// Of the penalty, by L0; below the target one on the distance is a gain.
double CostOfLatent(const ThresholdPlant& plant, double coefficient, double l0) {
  return plant.penalty == PenaltyKind::kL0 ? coefficient : coefficient * 2 * (l0 / 32 - 1) / 32;
}

SparsityOptions ThresholdOptions(const ThresholdPlant& plant, int64_t steps) {
  SparsityOptions options = Options(steps);
  options.penalty = plant.penalty;
  options.learning_rate.decay = LearningRateSchedule::Decay::kConstant;
  return options;
}

Outcome TrainThresholds(const ThresholdPlant& plant, const SparsityOptions& options) {
  SparsitySchedule schedule(options);
  SplitMix64 random(1);
  const int64_t steps = options.learning_rate.total_steps;
  double log_l0 = std::log(plant.first_l0);
  double remembered = 0;
  Outcome outcome;
  for (int64_t t = 0; t < steps; ++t) {
    const double l0 = std::exp(log_l0) * (1 + plant.noise * Normal(random));
    outcome.coefficients.push_back(schedule.Coefficient());
    const double cost = CostOfLatent(plant, outcome.coefficients.back(), l0);
    schedule.Advance(StepOf(l0));
    if (t >= steps - steps / 10) outcome.l0 += l0 / static_cast<double>(steps / 10);
    const double worth = plant.worth * std::sqrt(32 / l0);
    remembered = std::max({remembered * (1 - 1 / plant.memory), std::abs(cost), worth});
    const double pace =
        std::tanh(cost > 0 ? std::log(cost / worth) : -1.0) * std::max(std::abs(cost), worth) / remembered;
    log_l0 += plant.drift / static_cast<double>(steps) -
              options.learning_rate.At(t) / options.learning_rate.peak * pace / plant.inertia;
    log_l0 = std::min(log_l0, std::log(2048.0));
  }
  return outcome;
}

class ThresholdPlants : public testing::TestWithParam<ThresholdPlant> {};

TEST_P(ThresholdPlants, TheLastTenthHasTheTarget) {
  for (const int64_t steps : {2000, 4000, 8000}) {
    EXPECT_NEAR(TrainThresholds(GetParam(), ThresholdOptions(GetParam(), steps)).l0, 32, 0.02 * 32) << steps;
  }
}

TEST_P(ThresholdPlants, ALearningRateThatFadesLetsL0ArriveWhileItLasts) {
  SparsityOptions options = ThresholdOptions(GetParam(), 6000);
  options.learning_rate.decay = LearningRateSchedule::Decay::kLinear;
  EXPECT_NEAR(TrainThresholds(GetParam(), options).l0, 32, 0.02 * 32);
}

INSTANTIATE_TEST_SUITE_P(Plants, ThresholdPlants,
                         testing::Values(ThresholdPlant{"Plain"}, ThresholdPlant{"Fast", PenaltyKind::kL0, 0.7, 150},
                                         ThresholdPlant{"WorthLittle", PenaltyKind::kL0, 0.1},
                                         ThresholdPlant{"WorthMuch", PenaltyKind::kL0, 1.5},
                                         ThresholdPlant{"Remembers", PenaltyKind::kL0, 0.7, 400, 500},
                                         ThresholdPlant{"DriftsDown", PenaltyKind::kL0, 0.7, 400, 1, -1},
                                         ThresholdPlant{"Noisy", PenaltyKind::kL0, 0.7, 400, 1, 0, 0.03},
                                         ThresholdPlant{"Pulled", PenaltyKind::kDistance},
                                         ThresholdPlant{"PulledNoisily", PenaltyKind::kDistance, 0.7, 400, 1, 0, 0.03},
                                         ThresholdPlant{"PulledFromBelow", PenaltyKind::kDistance, 0.7, 400, 1, 0, 0,
                                                        20}),
                         [](const auto& info) { return info.param.name; });

// Adam would remember it, and thresholds be slow to answer to less.
TEST(SparsitySchedule, APenaltyOnL0StaysNearWhatLatentsAreLikelyWorthWhileL0IsOnItsWay) {
  const ThresholdPlant plant{"Plain"};
  const Outcome outcome = TrainThresholds(plant, ThresholdOptions(plant, 4000));
  for (const double coefficient : outcome.coefficients) ASSERT_LE(coefficient, 0.2 * kVariance / 32);
}

TEST(SparsitySchedule, ATargetThatThresholdsCannotReachInTimeIsMissedFromAbove) {
  const ThresholdPlant plant{"Slow", PenaltyKind::kL0, 0.7, 2000};
  const Outcome outcome = TrainThresholds(plant, ThresholdOptions(plant, 2000));
  EXPECT_GT(outcome.l0, 1.5 * 32);
  for (const double coefficient : outcome.coefficients) ASSERT_LE(coefficient, 1.001 * kVariance / 32);
}

class PullingPenalty : public testing::Test {
 protected:
  static SparsityOptions PullingOptions() {
    SparsityOptions options = Options(kSteps);
    options.penalty = PenaltyKind::kDistance;
    return options;
  }
};

TEST_F(PullingPenalty, StartsFromTheCoefficientWhereverL0Is) {
  for (const double l0 : {20.0, 300.0}) {
    SparsitySchedule schedule(PullingOptions());
    EXPECT_EQ(schedule.Coefficient(), 1);
    schedule.Advance(StepOf(l0));
    EXPECT_NEAR(std::log(schedule.Coefficient()), 0, 2.1) << l0;
  }
}

TEST_F(PullingPenalty, GrowsOnEitherSideOfTheTarget) {
  for (const double l0 : {20.0, 60.0}) {
    SparsitySchedule schedule(PullingOptions());
    double last = 0;
    for (int64_t t = 0; t < kSteps; ++t) {
      schedule.Advance(StepOf(l0));
      ASSERT_GE(schedule.Coefficient(), last);
      last = schedule.Coefficient();
    }
    EXPECT_GT(last, 2) << l0;
  }
}

TEST_F(PullingPenalty, StaysWhereItHoldsTheTarget) {
  SparsitySchedule schedule(PullingOptions());
  for (int64_t t = 0; t < kSteps; ++t) {
    schedule.Advance(StepOf(t % 2 == 0 ? 31.9 : 32.1));
    ASSERT_NEAR(std::log(schedule.Coefficient()), 0, std::log(4)) << t;
  }
}

}  // namespace
}  // namespace seedbed
