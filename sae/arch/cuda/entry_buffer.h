// The memory of a batch's active entries on a GPU, in both orders.
#ifndef SEEDBED_SAE_ARCH_CUDA_ENTRY_BUFFER_H_
#define SEEDBED_SAE_ARCH_CUDA_ENTRY_BUFFER_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cuda/device_entries.h"
#include "sae/arch/cuda/device_latent_order.h"
#include "sae/arch/cuda/device_memory.h"
#include "sae/arch/cuda/latent_update.h"

namespace seedbed {

// Memory is kept from batch to batch. Works on the current stream; not thread-safe.
class EntryBuffer {
 public:
  EntryBuffer(int64_t latents, at::Device device) : latents_(latents), device_(device) {}

  // For `rows` rows of as many places each, whose starts are set.
  void ReserveRows(int64_t rows, int64_t row_places);
  // For `rows` rows of `places` in all. Starts, latents and values are the selection's to set.
  void ReserveBatch(int64_t rows, int64_t places);

  DeviceEntries& entries() { return entries_; }

  // Orders them; what is below is of the last call.
  void Order(cudaStream_t stream);
  const DeviceLatentEntries& by_latent() const { return ordered_; }
  // Row i is the sum over latent i's entries of their value, or of their gradient, times their row of `matrix`.
  DeviceSparseGradient Weighted(const float* matrix) const;
  DeviceSparseGradient WeightedByGradients(const float* matrix) const;

 private:
  void Reserve(int64_t rows, int64_t places);

  const int64_t latents_;
  const at::Device device_;
  DeviceEntries entries_;
  DeviceLatentEntries ordered_;
  int64_t reserved_rows_ = 0;
  at::Tensor row_starts_;  // int32 [reserved_rows_ + 1], of rows of as many places each.
  DeviceArray<int32_t> starts_, counts_, latent_indices_;
  DeviceArray<float> values_, gradients_;
  DeviceArray<int32_t> ordered_starts_, ordered_rows_;
  DeviceArray<float> ordered_values_, ordered_gradients_;
  DeviceArray<int32_t> keys_, ordered_keys_, places_, ordered_places_, place_rows_;
  DeviceArray<uint8_t> sorting_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_ENTRY_BUFFER_H_
