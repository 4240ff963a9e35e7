// One SAE in training: an engine, and what schedules it.
#ifndef SEEDBED_SAE_ARCH_SAE_TRAINER_H_
#define SEEDBED_SAE_ARCH_SAE_TRAINER_H_

#include <memory>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"
#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/train/activation_threshold.h"
#include "sae/train/optimizer_update.h"
#include "sae/train/sparsity_schedule.h"

namespace seedbed {

// Whether the first batch sets what depends on data, or an earlier training did.
enum class Start { kFromData, kAsGiven };

class SaeTrainer final : public TrainableSae {
 public:
  // `device` is the engine's.
  SaeTrainer(const SaeConfig& config, std::unique_ptr<SaeEngine> engine, at::Device device, Start start);

  void Launch(const at::Tensor& input, const at::Tensor& target) override;
  absl::StatusOr<StepMetrics> Step(const at::Tensor& input, const at::Tensor& target) override;
  using TrainableSae::Step;
  int64_t steps() const override { return steps_; }
  StateTensors State() override;
  absl::Status Restore(const StateTensors& state) override;
  Dictionary ExportDictionary() const override;

 private:
  absl::Status CheckBatches(const at::Tensor& input, const at::Tensor& target) const;
  // Whether the next step's batch sets what depends on data.
  bool sets_start() const { return steps_ == 0 && start_ == Start::kFromData; }
  // Sets the biases from the first batch. Returns what they were.
  SaeTensors SetStart(const at::Tensor& input, const at::Tensor& target);
  absl::StatusOr<BatchLosses> Differentiate(const at::Tensor& input, const at::Tensor& target, double coefficient);
  absl::StatusOr<double> ClippingScale();
  StepMetrics Metrics(const at::Tensor& target, const BatchLosses& losses, double coefficient) const;

  const SaeConfig config_;
  const at::Device device_;
  const Start start_;
  std::unique_ptr<SaeEngine> engine_;
  OptimizerSchedule optimizer_;
  SparsitySchedule sparsity_;
  ActivationThreshold threshold_;
  int64_t steps_ = 0;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_SAE_TRAINER_H_
