// One sparse autoencoder in training, whatever its architecture.
#ifndef SEEDBED_SAE_ARCH_TRAINABLE_SAE_H_
#define SEEDBED_SAE_ARCH_TRAINABLE_SAE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/arch/sae_config.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/state_tensors.h"

namespace seedbed {

// Of one batch, from the forward pass before the update. Definitions: docs/metrics.md.
struct StepMetrics {
  double fvu = 0;                   // sum (x - x_hat)^2 / sum (x - mean of the batch)^2.
  double mse = 0;                   // Mean of (x - x_hat)^2 over rows and columns.
  double l0 = 0;                    // Mean number of positive activations a row.
  double dead_fraction = 0;         // After this batch's activations were counted.
  double auxiliary_loss = 0;        // Without its weight; 0 while no latent is dead.
  double loss = 0;                  // What is minimised, in the convention's terms.
  double sparsity_coefficient = 0;  // Of the penalty in this step; 0 without one.
};

// Not thread-safe. Owns its parameters and optimiser state, on one device. What Step leaves behind is a function of
// the config and of the batches so far: the same bytes for the same device type, thread count and LibTorch.
class TrainableSae {
 public:
  virtual ~TrainableSae() = default;

  // Lets a GPU begin with the Step on the same tensors, which is called next and waits for it. In between siblings can
  // be given theirs. The tensors stay as they are until Step returns; whatever is wrong with them is Step's to say.
  virtual void Launch(const at::Tensor& /*input*/, const at::Tensor& /*target*/) {}

  // One optimiser step on `input`, float32 [rows, d_in], and what is to be reconstructed from it, `target`, float32
  // [rows, d_out]; of an autoencoder the same tensor. Both contiguous and on the SAE's device. The first batch also
  // initialises what depends on data (b_dec). Their memory may be reused once Step returns.
  // ABORTED, naming step (from 1) and tensor, when the batch's variance, the loss or a gradient is not finite, or the
  // variance is 0; INVALID_ARGUMENT for a batch of another shape, type or device. All stays as it was then.
  // LibTorch's exceptions pass through.
  virtual absl::StatusOr<StepMetrics> Step(const at::Tensor& input, const at::Tensor& target) = 0;

  // Of an autoencoder.
  absl::StatusOr<StepMetrics> Step(const at::Tensor& batch) { return Step(batch, batch); }

  virtual int64_t steps() const = 0;

  // All that further steps depend on besides the config: parameters, moments, counters, thresholds, controllers. In the
  // SAE's own memory and on its device, unchanged until the next Step; what is queued on the current stream of a GPU
  // from here on sees it whole (state_tensors.h).
  virtual StateTensors State() = 0;

  // Before a Step: takes what State gave of an SAE of the same config and device type, copied in between. From here on
  // every step leaves the bytes that it would have left there. INVALID_ARGUMENT, naming the tensor, for a state of
  // another config; all stays as it was then.
  virtual absl::Status Restore(const StateTensors& state) = 0;

  // What was learnt so far as it encodes and reconstructs after training: a copy, on the CPU.
  virtual Dictionary ExportDictionary() const = 0;
};

// Starts from `initial` where it is given, whose b_dec then stays, and from the config's seed elsewhere. `device` is
// "cpu" or "cuda:N". INVALID_ARGUMENT, naming the field, for a config that can't be built, and for an `initial` that is
// not of its architecture and sizes.
absl::StatusOr<std::unique_ptr<TrainableSae>> MakeTrainableSae(const SaeConfig& config, const std::string& device,
                                                               const Dictionary* initial = nullptr);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_TRAINABLE_SAE_H_
