// Matchings of small dictionaries, written down.
#ifndef SEEDBED_TESTS_SAE_AGREEMENT_MATCHINGS_H_
#define SEEDBED_TESTS_SAE_AGREEMENT_MATCHINGS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "common/random.h"
#include "sae/agreement/sibling_matchings.h"

namespace seedbed {

// Both sides have the same counterparts and cosines.
inline Counterparts SameOnBothSides(std::vector<int32_t> counterpart, std::vector<double> cosine) {
  Counterparts counterparts;
  counterparts.decoder = {std::move(counterpart), std::move(cosine)};
  counterparts.encoder = counterparts.decoder;
  return counterparts;
}

// A random permutation with random cosines.
inline Counterparts RandomCounterparts(int64_t latents, SplitMix64* random) {
  Counterparts counterparts;
  for (int64_t i = 0; i < latents; ++i) {
    counterparts.decoder.counterpart.push_back(static_cast<int32_t>(i));
    counterparts.decoder.cosine.push_back(random->Uniform());
  }
  std::vector<int32_t>& permutation = counterparts.decoder.counterpart;
  for (size_t i = permutation.size(); i > 1; --i) std::swap(permutation[i - 1], permutation[random->Below(i)]);
  counterparts.encoder = counterparts.decoder;
  return counterparts;
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_AGREEMENT_MATCHINGS_H_
