// From selected activations to the loss and to its gradients by x_hat and by them, row by row on a GPU.
#ifndef SEEDBED_SAE_ARCH_CUDA_DEVICE_DECODE_H_
#define SEEDBED_SAE_ARCH_CUDA_DEVICE_DECODE_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "sae/arch/cuda/device_entries.h"
#include "sae/arch/cuda/step_record.h"

namespace seedbed {

// As DecodePass of the CPU's kernels. Scales lie in the GPU's memory, where they are found.
struct DeviceDecodePass {
  int64_t width = 0;
  const float* decoder = nullptr;       // [n, width]
  const int64_t* group_ends = nullptr;  // [groups], ascending.
  int32_t groups = 1;
  const float* target = nullptr;         // [rows, width]
  const float* target_scale = nullptr;   // Scalar; nullptr = 1.
  const float* loss_scale = nullptr;     // Scalar.
  const float* input_norms = nullptr;    // [rows]; nullptr = activations are taken as given.
  const float* latent_norms = nullptr;   // [n]: what activations rank times; nullptr = 1.
  DeviceEntries entries;                 // Ascending latents in each row. Gradients are set where they are asked for.
  float* gradient = nullptr;             // Out. [groups, rows, width]
  DeviceDecodeSums* row_sums = nullptr;  // Scratch of [rows].
  DeviceDecodeSums* sums = nullptr;      // Out.
};
void DecodeRows(cudaStream_t stream, const DeviceDecodePass& pass);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_DEVICE_DECODE_H_
