// Steps of topk, batchtopk and matryoshka in kernels for the CPU (sae/arch/topk.cc, batchtopk.cc and matryoshka.cc have
// the definitions).
#ifndef SEEDBED_SAE_ARCH_CPU_TOPK_ENGINE_H_
#define SEEDBED_SAE_ARCH_CPU_TOPK_ENGINE_H_

#include <memory>

#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"

namespace seedbed {

// Only the encoder's product is dense, in tiles of rows, and those of a skip connection; all else costs as the active
// latents do. Nothing but the products depends on the number of threads. Memory is taken in the first step and kept:
// beside the parameters and their moments one tile of pre-activations, what the active latents take, and, with
// clipping, one gradient.
std::unique_ptr<SaeEngine> MakeTopkEngine(const SaeConfig& config, const SaeTensors& initial);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_TOPK_ENGINE_H_
