// Agreement of a pair by how often its latents fire.
#ifndef SEEDBED_SAE_AGREEMENT_FREQUENCY_DECILES_H_
#define SEEDBED_SAE_AGREEMENT_FREQUENCY_DECILES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/agreement/sibling_matchings.h"

namespace seedbed {

// A tenth of the latents that fire, from the least frequent on. Of equal frequencies the lower latent comes first.
struct FrequencyDecile {
  int64_t latents = 0;
  double least_frequency = 0;
  double largest_frequency = 0;
  // As of the whole pair, over these latents.
  double mean_decoder_cosine = 0;
  double mean_encoder_cosine = 0;
  double encoder_decoder_equal = 0;
  double shared_strict = 0;
  double shared_aligned = 0;
};

// Ten, or as many as there are latents that fire, of nearly equal sizes. `frequencies` are those of the latents that
// the counterparts are of; latents that never fire belong to none. INVALID_ARGUMENT, naming the numbers, unless there
// is a frequency from 0 to 1 for each latent.
absl::StatusOr<std::vector<FrequencyDecile>> FrequencyDeciles(const Counterparts& counterparts,
                                                              absl::Span<const double> frequencies, double threshold);

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_FREQUENCY_DECILES_H_
