// The active entries of a batch in a GPU's memory, in the order of its rows and in that of its latents. Nothing is
// owned.
#ifndef SEEDBED_SAE_ARCH_CUDA_DEVICE_ENTRIES_H_
#define SEEDBED_SAE_ARCH_CUDA_DEVICE_ENTRIES_H_

#include <cstdint>

namespace seedbed {

// Row r has the places [starts[r], starts[r + 1]), and entries in the first counts[r] of them. Fewer than 2^31 places.
struct DeviceEntries {
  int64_t rows = 0;
  int64_t places = 0;          // Of all rows.
  int32_t* starts = nullptr;   // [rows + 1]
  int32_t* counts = nullptr;   // [rows]
  int32_t* latents = nullptr;  // [places]
  float* values = nullptr;     // [places]: activations.
  float* gradients = nullptr;  // [places]: of the loss by these activations.
};

// The same entries by latent: those of latent i are [starts[i], starts[i + 1]), in ascending order of row.
struct DeviceLatentEntries {
  int32_t* starts = nullptr;   // [n + 1]
  int32_t* rows = nullptr;     // [places]
  float* values = nullptr;     // [places]
  float* gradients = nullptr;  // [places]
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CUDA_DEVICE_ENTRIES_H_
