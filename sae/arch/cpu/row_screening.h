// The k largest activations of every row by screening latents with an int8 product, where that costs less than the
// dense product of the encoder.
#ifndef SEEDBED_SAE_ARCH_CPU_ROW_SCREENING_H_
#define SEEDBED_SAE_ARCH_CPU_ROW_SCREENING_H_

#include <cstdint>
#include <optional>

#include "ATen/core/Tensor.h"
#include "sae/arch/cpu/parameter.h"
#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/kernels/screening/screened_top_k.h"
#include "sae/arch/sae_config.h"

namespace seedbed {

// Whether there are so many latents, and so many for each that is kept, that screening pays. A function of sizes alone
// and never of a time, because a dot product rounds otherwise than a matrix product, and a run's bytes must not hang on
// how busy a machine was. Measured (tests/bench/screening): at 2048 latents and more the selection takes half the
// product's time; at 512 it takes longer.
bool HasLatentsToScreen(const SaeConfig& config);

// Not thread-safe.
class RowScreening {
 public:
  // Whether steps of this config are to be screened.
  static bool Pays(const SaeConfig& config);

  RowScreening(const SaeConfig& config, int64_t width);

  // Writes to `entries`, which has k places a row, what SelectLargest writes for the pre-activations that DotRows
  // gives, by their norms where `norms` are not nullptr: the same latents as the dense product wherever that is not
  // decided by its rounding. `rows`: [count, width], what the encoder reads. The first batch also shows which
  // directions hold much of what rows hold.
  void Select(const Parameter& encoder_weight, const Parameter& encoder_bias, const at::Tensor& rows,
              const float* norms, RowEntries* entries);

 private:
  ScreenedTopK screened_;
  bool has_directions_ = false;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_ROW_SCREENING_H_
