// The largest activations of a batch by screening latents with an int8 product, where that costs less than the dense
// product of the encoder.
#ifndef SEEDBED_SAE_ARCH_CPU_BATCH_SCREENING_H_
#define SEEDBED_SAE_ARCH_CPU_BATCH_SCREENING_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/kernels/batch_selection.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/screening/screened_reach.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// Not thread-safe.
class BatchScreening {
 public:
  // As RowScreening::Pays.
  static bool Pays(const SaeConfig& config);

  BatchScreening(const SaeConfig& config, int64_t width);

  // Fills `entries` with the k * count largest activations of the batch `rows` [count, width], what the encoder reads:
  // the same as of the dense product wherever that is not decided by its rounding. `norms` as in BatchSelection. The
  // first batch also shows which directions hold much of what rows hold.
  void Select(const Parameter& encoder_weight, const Parameter& encoder_bias, const at::Tensor& rows,
              const float* norms, BatchSelection* selection, RowEntries* entries);

 private:
  const int64_t k_;
  ScreenedReach screened_;
  bool has_directions_ = false;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_BATCH_SCREENING_H_
