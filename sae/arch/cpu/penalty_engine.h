// Steps of relu, gated and jumprelu in kernels for the CPU (sae/arch/relu.cc, gated.cc and jumprelu.cc have the
// definitions).
#ifndef SEEDBED_SAE_ARCH_CPU_PENALTY_ENGINE_H_
#define SEEDBED_SAE_ARCH_CPU_PENALTY_ENGINE_H_

#include <memory>

#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"

namespace seedbed {

// How an engine treats activations. For one config all give the same up to rounding.
enum class PenaltySteps {
  kByDensity,  // As penalty_density.h says.
  kSparse,     // Only the encoder's product is dense; all else costs as the active latents do.
  kDense,      // Products of whole matrices, a tile of rows at a time.
};

// Memory is taken in the first step and kept, that of whole gradients where dense steps or clipping need it. Nothing
// but matrix products depends on the number of threads. nullptr for a config that it does not cover: jumprelu with the
// tanh penalty.
std::unique_ptr<SaeEngine> MakePenaltyEngine(const SaeConfig& config, const SaeTensors& initial, PenaltySteps steps);

// The same with kByDensity.
std::unique_ptr<SaeEngine> MakePenaltyEngine(const SaeConfig& config, const SaeTensors& initial);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_PENALTY_ENGINE_H_
