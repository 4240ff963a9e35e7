// How stable each latent of a dictionary is over its siblings.
#ifndef SEEDBED_SAE_AGREEMENT_STABILITY_H_
#define SEEDBED_SAE_AGREEMENT_STABILITY_H_

#include <cstdint>
#include <vector>

#include "sae/agreement/sibling_matchings.h"

namespace seedbed {

struct Stability {
  // Means over the siblings of the matched cosine, of decoder and of encoder rows; one without a counterpart counts 0.
  double decoder_cosine = 0;
  double encoder_cosine = 0;
  int32_t found_in = 0;  // Siblings that the latent is found in (Counterparts::Strict); 0 to S - 1.
};

// Of every latent of one dictionary.
std::vector<Stability> StabilityOf(const SiblingMatchings& siblings, int64_t dictionary, double threshold);

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_STABILITY_H_
