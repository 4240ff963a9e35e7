// The active entries of a batch, from the order of its rows to that of its latents.
#ifndef SEEDBED_SAE_ARCH_KERNELS_LATENT_ORDER_H_
#define SEEDBED_SAE_ARCH_KERNELS_LATENT_ORDER_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// What the selection left of a batch: row r has counts[r] positive activations, the first of its `stride` places.
struct RowEntries {
  int64_t rows = 0;
  int64_t stride = 0;
  std::vector<int32_t> counts;    // [rows]
  std::vector<uint32_t> latents;  // [rows, stride]
  std::vector<float> values;      // [rows, stride]: activations.
  std::vector<float> gradients;   // [rows, stride]: of the loss by these activations.

  void Resize(int64_t new_rows, int64_t new_stride);
};

// The same entries by latent: those of latent i are [starts[i], starts[i + 1]), in ascending order of row.
struct LatentEntries {
  std::vector<uint32_t> starts;  // [n + 1]
  std::vector<uint32_t> rows;
  std::vector<float> values;
  std::vector<float> gradients;
};

// A counting sort. Memory is kept from call to call.
void OrderByLatent(const RowEntries& entries, int64_t n, LatentEntries* ordered);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_LATENT_ORDER_H_
