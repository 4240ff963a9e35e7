// A step by an architecture's definition itself, differentiated by autograd, on any device.
#ifndef SEEDBED_SAE_ARCH_DEFINITION_ENGINE_H_
#define SEEDBED_SAE_ARCH_DEFINITION_ENGINE_H_

#include <memory>

#include "ATen/core/Tensor.h"
#include "sae/arch/architecture.h"
#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"

namespace seedbed {

// `initial` may lie anywhere; it is copied to `device` in its own floating type. Without atomics, so a device gives the
// same bytes each time where its products do.
std::unique_ptr<SaeEngine> MakeDefinitionEngine(const Architecture& architecture, const SaeConfig& config,
                                                const SaeTensors& initial, at::Device device);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_DEFINITION_ENGINE_H_
