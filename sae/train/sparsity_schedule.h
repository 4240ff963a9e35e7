// The coefficient of a sparsity penalty in each step.
#ifndef SEEDBED_SAE_TRAIN_SPARSITY_SCHEDULE_H_
#define SEEDBED_SAE_TRAIN_SPARSITY_SCHEDULE_H_

#include <cstdint>
#include <optional>

#include "sae/train/learning_rate.h"
#include "sae/train/sparsity_controller.h"

namespace seedbed {

struct SparsityOptions {
  double coefficient = 0;    // Without a target, at the end of the warm-up; with one, where the controller starts.
  int64_t warmup_steps = 0;  // In which the coefficient rises from 0 on a line, the controller's likewise.
  double target_l0 = 0;      // 0 = none: the coefficient stays.
  PenaltyKind penalty = PenaltyKind::kActivations;
  LearningRateSchedule learning_rate;  // Of the whole training; read only with a target.
};

// Not thread-safe.
class SparsitySchedule {
 public:
  explicit SparsitySchedule(const SparsityOptions& options);

  // Of the next step.
  double Coefficient() const;

  void Advance(const SparsityStep& step);

  // Calls visit(name, address) for every number that decides what follows, besides the options.
  template <typename Visit>
  void VisitState(Visit&& visit) {
    visit("schedule_step", &step_);
    if (controller_.has_value()) controller_->VisitState(visit);
  }

 private:
  // The part of the coefficient that the warm-up lets through in the next step.
  double WarmupPart() const;

  SparsityOptions options_;
  std::optional<SparsityController> controller_;
  int64_t step_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_TRAIN_SPARSITY_SCHEDULE_H_
