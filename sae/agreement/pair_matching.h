// The exact matchings of two dictionaries, from which everything else about the pair follows at any threshold.
#ifndef SEEDBED_SAE_AGREEMENT_PAIR_MATCHING_H_
#define SEEDBED_SAE_AGREEMENT_PAIR_MATCHING_H_

#include <cstdint>
#include <vector>

#include "sae/agreement/sibling_matchings.h"

namespace seedbed {

// One side (decoder or encoder rows), but for the counterparts.
struct SideMatching {
  double mean_cosine = 0;  // Of the matched rows, over the smaller dictionary.
  double upper_bound = 0;  // That the mean of no other matching exceeds.
  bool certified = false;  // Proven to be the best.
  int64_t rounds = 0;      // Of the search.
  double seconds = 0;
  int64_t zero_rows_a = 0;  // Rows that are zero: their cosine with everything is 0.
  int64_t zero_rows_b = 0;
  std::vector<double> largest_a;  // [latents of a] Largest cosine with any row of b.
  std::vector<double> largest_b;  // [latents of b] The other way round.
  bool largest_proven = false;    // No cosine is larger than these.
};

struct PairMatching {
  Counterparts counterparts;  // Of the latents of a in b.
  SideMatching decoder;
  SideMatching encoder;

  int64_t latents_a() const { return static_cast<int64_t>(decoder.largest_a.size()); }
  int64_t latents_b() const { return static_cast<int64_t>(decoder.largest_b.size()); }
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_PAIR_MATCHING_H_
