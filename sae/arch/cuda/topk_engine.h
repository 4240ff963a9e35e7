// Steps of topk, batchtopk and matryoshka in kernels for NVIDIA GPUs (sae/arch/topk.cc, batchtopk.cc and matryoshka.cc
// have the definitions).
#ifndef SEEDBED_SAE_ARCH_CUDA_TOPK_ENGINE_H_
#define SEEDBED_SAE_ARCH_CUDA_TOPK_ENGINE_H_

#include <memory>

#include "ATen/core/Tensor.h"
#include "sae/arch/sae_config.h"
#include "sae/arch/sae_engine.h"

namespace seedbed {

// nullptr where the kernels are not compiled in (preset cuda) or a row of W_enc or W_dec is wider than they take.
//
// Only the encoder's product is dense, in the config's compute type and in tiles of rows, and those of a skip
// connection, in float32; all else costs as the active latents do, in float32. No float is added atomically: the same
// bytes for equal batches on the same GPU and cuBLAS. Memory is taken in the first step and kept: beside the parameters
// and their moments one tile of pre-activations, what the active latents take and, in bfloat16, a copy of W_enc.
//
// Works on a stream of its own, so that siblings on one GPU do not wait for each other. The host waits once a step, in
// Differentiate, for what the step found out; Update only queues. In dictionary_learning's convention with an auxiliary
// loss, it waits a second time where a batch has another number of rows than the one before.
std::unique_ptr<SaeEngine> MakeCudaTopkEngine(const SaeConfig& config, const SaeTensors& initial, at::Device device);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_TOPK_ENGINE_H_
