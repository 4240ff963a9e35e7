// Which architectures there are.
#ifndef SEEDBED_SAE_ARCH_REGISTRY_H_
#define SEEDBED_SAE_ARCH_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/arch/architecture.h"
#include "sae/arch/sae_config.h"
#include "sae/arch/sae_trainer.h"
#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/sae_tensors.h"

namespace seedbed {

// One row an architecture.
const std::vector<Architecture>& Architectures();

// INVALID_ARGUMENT, naming those that there are.
absl::StatusOr<const Architecture*> FindArchitecture(const std::string& name);

// INVALID_ARGUMENT naming the field that no SAE can be built with.
absl::Status CheckConfig(const SaeConfig& config);

// Every parameter before the first step, from the config's seed. INVALID_ARGUMENT for an architecture that there is
// not.
absl::StatusOr<SaeTensors> InitialParameters(const SaeConfig& config);

// What computes a step.
enum class Implementation {
  kFastest,     // Kernels where there are some for the config and the device.
  kDefinition,  // The architecture's definition.
};

// An SAE that begins with `initial`. The config must be one that CheckConfig takes.
std::unique_ptr<TrainableSae> MakeSaeFrom(const SaeConfig& config, const SaeTensors& initial, Start start,
                                          at::Device device, Implementation implementation);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_REGISTRY_H_
