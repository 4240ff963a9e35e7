// Which architectures there are.
#ifndef SEEDBED_SAE_ARCH_REGISTRY_H_
#define SEEDBED_SAE_ARCH_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "sae/arch/trainable_sae.h"

namespace seedbed {

// One row an architecture. Factories are given a config that was checked.
struct Architecture {
  std::string name;
  std::unique_ptr<TrainableSae> (*make_on_cpu)(const SaeConfig& config);
  std::unique_ptr<TrainableSae> (*make_on_device)(const SaeConfig& config, at::Device device);
};

const std::vector<Architecture>& Architectures();

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_REGISTRY_H_
