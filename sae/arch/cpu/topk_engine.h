// TopK steps of sparsify's convention in kernels for the CPU (sae/arch/topk.cc has the definition).
#ifndef SEEDBED_SAE_ARCH_CPU_TOPK_ENGINE_H_
#define SEEDBED_SAE_ARCH_CPU_TOPK_ENGINE_H_

#include <memory>

#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"

namespace seedbed {

// Only the encoder's product is dense; all else costs as the active latents do, and nothing but that product depends on
// the number of threads. Memory is taken in the first step and kept. nullptr for a config that it does not cover.
std::unique_ptr<SaeEngine> MakeTopkEngine(const SaeConfig& config, const SaeTensors& initial);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_TOPK_ENGINE_H_
