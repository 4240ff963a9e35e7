// One sparse autoencoder in training, whatever its architecture.
#ifndef SEEDBED_SAE_ARCH_TRAINABLE_SAE_H_
#define SEEDBED_SAE_ARCH_TRAINABLE_SAE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/train/learning_rate.h"

namespace seedbed {

struct SaeConfig {
  std::string architecture = "topk";
  int64_t d_in = 0;
  int64_t latents = 0;
  int64_t k = 0;
  uint64_t seed = 0;
  LearningRateSchedule learning_rate;
  double auxiliary_alpha = 0;
  int64_t dead_after_tokens = 10'000'000;
};

// Of one batch, from the forward pass before the update. Definitions: docs/metrics.md.
struct StepMetrics {
  double fvu = 0;             // sum (x - x_hat)^2 / sum (x - mean of the batch)^2.
  double mse = 0;             // Mean of (x - x_hat)^2 over rows and columns.
  double l0 = 0;              // Mean number of positive activations a row.
  double dead_fraction = 0;   // After this batch's activations were counted.
  double auxiliary_loss = 0;  // Without its weight; 0 while no latent is dead.
};

// Not thread-safe. Owns its parameters and optimiser state, on one device. What Step leaves behind is a function of
// the config and of the batches so far: the same bytes for the same device type, thread count and LibTorch.
class TrainableSae {
 public:
  virtual ~TrainableSae() = default;

  // One optimiser step on `batch`: float32 [rows, d_in], contiguous, on the SAE's device. The first batch also
  // initialises what depends on data (b_dec). Its memory may be reused once Step returns.
  // ABORTED, naming step (from 1) and tensor, when the batch's variance, the loss or a gradient is not finite, or the
  // variance is 0; INVALID_ARGUMENT for a batch of another shape, type or device. All stays as it was then.
  // LibTorch's exceptions pass through.
  virtual absl::StatusOr<StepMetrics> Step(const at::Tensor& batch) = 0;

  virtual int64_t steps() const = 0;

  // A copy of the parameters, on the CPU.
  virtual Dictionary ExportDictionary() const = 0;
};

// INVALID_ARGUMENT, naming the field, for a config that can't be built. `device` is "cpu" or "cuda:N".
absl::StatusOr<std::unique_ptr<TrainableSae>> MakeTrainableSae(const SaeConfig& config, const std::string& device);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_TRAINABLE_SAE_H_
