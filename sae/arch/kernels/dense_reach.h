// What of dense pre-activations belongs to the largest activations of a batch.
#ifndef SEEDBED_SAE_ARCH_KERNELS_DENSE_REACH_H_
#define SEEDBED_SAE_ARCH_KERNELS_DENSE_REACH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "sae/arch/kernels/batch_selection.h"
#include "sae/arch/kernels/row_selection.h"

namespace seedbed {

// Not thread-safe; runs on LoopThreads() threads. Memory is, once, that of kRowsAtOnce rows of activations.
class DenseReach {
 public:
  explicit DenseReach(int64_t latents);

  // Appends what reaches the selection's bound in these rows.
  void AddTo(const PreActivations& pre, BatchSelection* selection);

 private:
  // Rows that are looked at before the bound is looked at again.
  static constexpr int64_t kRowsAtOnce = 128;

  void AddRows(const PreActivations& pre, int64_t begin, int64_t end, BatchSelection* selection);

  const int64_t latents_;
  std::vector<int32_t> counts_;  // [kRowsAtOnce]
  // What was found in each piece of rows. Memory that isn't written to takes no room.
  std::unique_ptr<uint32_t[]> piece_latents_;  // [kRowsAtOnce, n]
  std::unique_ptr<float[]> piece_values_;      // [kRowsAtOnce, n]
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_KERNELS_DENSE_REACH_H_
