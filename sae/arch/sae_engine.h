// What computes a step on one kind of device: losses, gradients and the update of the parameters, which it owns with
// their moments. Schedules, controllers and clipping are the trainer's (sae_trainer.h).
#ifndef SEEDBED_SAE_ARCH_SAE_ENGINE_H_
#define SEEDBED_SAE_ARCH_SAE_ENGINE_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/checkpoint/sae_tensors.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/train/optimizer_update.h"

namespace seedbed {

struct StepPlan {
  int64_t step = 1;  // From 1; errors name it.
  double sparsity_coefficient = 0;
};

// Of one batch, before the update.
struct BatchLosses {
  double loss = 0;
  double total_variance = 0;  // sum (target - its mean)^2.
  double squared_error = 0;   // sum (target - x_hat)^2.
  double auxiliary = 0;       // Without its weight; 0 without one.
  int64_t active = 0;         // Activations that are not 0, of all rows.
  // The smallest positive activation of batchtopk and matryoshka, which encode with its average after training, in the
  // units that they are ranked by: in SAELens' convention times |W_dec[i]|. 0 = there is none.
  double smallest_active = 0;
};

// Not thread-safe. LibTorch's exceptions pass through. Every tensor on the engine's device.
class SaeEngine {
 public:
  virtual ~SaeEngine() = default;

  // Parameters as they are trained; [n, d] or [n], float32, its own memory. Writable between steps alone, by SetBiases.
  virtual SaeTensors Parameters() const = 0;

  // What the optimiser recommends to use: of Adam the parameters, of Signum their average.
  virtual SaeTensors AveragedParameters() const = 0;

  // Sets b_dec and, where it is defined, b_enc, before the first step.
  virtual void SetBiases(const at::Tensor& decoder_bias, const at::Tensor& encoder_bias) = 0;

  // Begins with what Differentiate does, of the same batch and plan, which is called next, where that can go on by
  // itself. The batch stays as it is until then. Errors are Differentiate's.
  virtual void Launch(const at::Tensor& /*input*/, const at::Tensor& /*target*/, const StepPlan& /*plan*/) {}

  // Losses and gradients of a batch that was checked for shape and type. Nothing that outlives the step changes before
  // Update. ABORTED, naming step and tensor, when the variance, a loss or a gradient is not finite or the variance is
  // 0.
  virtual absl::StatusOr<BatchLosses> Differentiate(const at::Tensor& input, const at::Tensor& target,
                                                    const StepPlan& plan) = 0;

  // The norm of all gradients together, W_dec's without its component along the rows where they keep norm 1. Called
  // at most once, between Differentiate and Update.
  virtual double GradientNorm() = 0;

  // One step of the optimiser with the gradients of Differentiate; then rows of W_dec are unit rows again where they
  // are to be, and what fired is counted.
  virtual void Update(const OptimizerUpdate& update) = 0;

  // Latents that have not fired for more than dead_after_tokens rows.
  virtual int64_t DeadLatents() const = 0;

  // Between two steps: what the next ones depend on, in the memory that is trained (state_tensors.h).
  virtual StateTensors State() = 0;

  // State's tensors were written: what follows from them is made anew.
  virtual void Restored() {}
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_SAE_ENGINE_H_
