// The memory of selections of whole batches.
#ifndef SEEDBED_SAE_ARCH_CUDA_BATCH_SELECTION_BUFFER_H_
#define SEEDBED_SAE_ARCH_CUDA_BATCH_SELECTION_BUFFER_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cuda/device_batch_selection.h"
#include "sae/arch/cuda/device_memory.h"

namespace seedbed {

// Kept from batch to batch. Works on the current stream; not thread-safe.
class BatchSelectionBuffer {
 public:
  explicit BatchSelectionBuffer(at::Device device);

  // A selection of `count` activations, in tiles of up to `rows_in_tile` rows. It uses the buffer's memory, so one at a
  // time.
  DeviceBatchSelection Make(int64_t count, int64_t rows_in_tile);

 private:
  // One of the two lists of candidates.
  struct CandidateArrays {
    DeviceArray<uint32_t> keys;
    DeviceArray<int32_t> rows;
    DeviceArray<int32_t> latents;
    DeviceArray<float> values;
  };

  const at::Device device_;
  const at::Tensor state_;
  CandidateArrays candidates_[2];
  DeviceArray<uint64_t> row_counts_;
  DeviceArray<uint64_t> places_;
  DeviceArray<uint8_t> scratch_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_BATCH_SELECTION_BUFFER_H_
