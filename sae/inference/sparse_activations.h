// The active latents of a batch's rows.
#ifndef SEEDBED_SAE_INFERENCE_SPARSE_ACTIVATIONS_H_
#define SEEDBED_SAE_INFERENCE_SPARSE_ACTIVATIONS_H_

#include <cstdint>
#include <vector>

namespace seedbed {

// Those of row r are [starts[r], starts[r + 1]) of `latents` and `values`, in ascending order of latent. Every value is
// above 0.
struct SparseActivations {
  std::vector<int64_t> starts = {0};  // [rows + 1]
  std::vector<uint32_t> latents;
  std::vector<float> values;

  int64_t rows() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t count(int64_t row) const { return starts[row + 1] - starts[row]; }
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_INFERENCE_SPARSE_ACTIVATIONS_H_
