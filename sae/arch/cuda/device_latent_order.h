// The active entries of a batch, from the order of its rows to that of its latents, on a GPU.
#ifndef SEEDBED_SAE_ARCH_CUDA_DEVICE_LATENT_ORDER_H_
#define SEEDBED_SAE_ARCH_CUDA_DEVICE_LATENT_ORDER_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "sae/arch/cuda/device_entries.h"

namespace seedbed {

// Scratch memory of OrderByLatent.
struct LatentOrderScratch {
  int32_t* keys = nullptr;            // [places]
  int32_t* ordered_keys = nullptr;    // [places]
  int32_t* places = nullptr;          // [places]
  int32_t* ordered_places = nullptr;  // [places]
  int32_t* rows = nullptr;            // [places]
  void* sorting = nullptr;            // SortingBytes(places, n).
  size_t sorting_bytes = 0;
};

size_t SortingBytes(int64_t places, int64_t latents);

// A stable radix sort of the places by latent.
void OrderByLatent(cudaStream_t stream, const DeviceEntries& entries, int64_t latents,
                   const LatentOrderScratch& scratch, const DeviceLatentEntries& ordered);

// sums[i] += the sum of latent i's gradients.
void AddLatentGradients(cudaStream_t stream, const DeviceLatentEntries& entries, int64_t latents, float* sums);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_DEVICE_LATENT_ORDER_H_
