// The active entries of a batch, from the order of its rows to that of its latents.
#ifndef SEEDBED_SAE_ARCH_KERNELS_LATENT_ORDER_H_
#define SEEDBED_SAE_ARCH_KERNELS_LATENT_ORDER_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// What the selection left of a batch: row r has the places [starts[r], starts[r + 1]), and entries in the first
// counts[r] of them.
struct RowEntries {
  int64_t rows = 0;
  std::vector<int64_t> starts;    // [rows + 1]
  std::vector<int32_t> counts;    // [rows]
  std::vector<uint32_t> latents;  // [places]
  std::vector<float> values;      // [places]: activations.
  std::vector<float> gradients;   // [places]: of the loss by these activations.

  // `places` of them in each row. Memory only grows.
  void Resize(int64_t new_rows, int64_t places);

  // Room for so many places in all.
  void Reserve(int64_t places);
};

// The same entries by latent: those of latent i are [starts[i], starts[i + 1]), in ascending order of row. Places
// beyond the last one mean nothing.
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
