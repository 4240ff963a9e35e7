// What an architecture is: its loss, written down once in plain operations. Everything else about a step is common to
// all of them (sae_trainer.h). docs/architectures.md says how to add one.
#ifndef SEEDBED_SAE_ARCH_ARCHITECTURE_H_
#define SEEDBED_SAE_ARCH_ARCHITECTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"
#include "sae/checkpoint/sae_tensors.h"

namespace seedbed {

// One batch of B rows. Any floating type, all on one device.
struct LossInput {
  const SaeConfig& config;
  const SaeTensors& parameters;
  at::Tensor input;              // [B, d_in]
  at::Tensor target;             // [B, d_out]; of an autoencoder the same tensor as `input`.
  at::Tensor total_variance;     // Scalar: sum (target - its mean over the batch)^2.
  at::Tensor rows_since_active;  // int64 [n], before this batch; undefined where auxiliary_alpha is 0.
  double sparsity_coefficient;   // Of this step.
};

struct SaeLoss {
  at::Tensor loss;            // Scalar; differentiable by every parameter that it depends on.
  at::Tensor reconstruction;  // [B, d_out]: x_hat.
  at::Tensor activations;     // [B, n], detached: f.
  at::Tensor ranks;           // [B, n], detached: what kept activations were ranked by; undefined = by themselves.
  at::Tensor fired;           // bool [n]: counts as active in this batch.
  at::Tensor auxiliary;       // Scalar: the auxiliary loss without its weight; undefined without one.
};

struct Architecture {
  std::string name;
  std::vector<Convention> conventions;  // At least one; the first is the default.

  // What is needed beyond what every config is checked for. INVALID_ARGUMENT naming the field.
  absl::Status (*check)(const SaeConfig& config);

  // The tensors that the architecture has beside W_enc, b_enc, W_dec, b_dec and W_skip, added to `tensors` with their
  // first values. nullptr = none.
  void (*add_tensors)(const SaeConfig& config, SaeTensors* tensors);

  // The definition. Differentiated by autograd, on any device, it is what a GPU runs and what kernels are tested
  // against.
  SaeLoss (*loss)(const LossInput& input);

  // Kernels for the CPU that do the same. nullptr, also as its result = there are none for this config, and the
  // definition itself is run.
  std::unique_ptr<SaeEngine> (*make_cpu_engine)(const SaeConfig& config, const SaeTensors& initial);

  // The same for a GPU, "cuda:N". nullptr, also as its result, likewise.
  std::unique_ptr<SaeEngine> (*make_cuda_engine)(const SaeConfig& config, const SaeTensors& initial,
                                                 at::Device device) = nullptr;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_ARCHITECTURE_H_
