// How far two dictionaries agree, from their matching. Definitions: docs/agreement.md, after Paulo & Belrose 2025
// ("Sparse Autoencoders Trained on the Same Data Learn Different Features") and Sharkey et al. 2022 (MMCS).
#ifndef SEEDBED_SAE_AGREEMENT_PAIR_AGREEMENT_H_
#define SEEDBED_SAE_AGREEMENT_PAIR_AGREEMENT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/agreement/pair_matching.h"

namespace seedbed {

// One side (decoder or encoder rows).
struct SideAgreement {
  double mean_cosine = 0;   // Mean matched cosine over the smaller dictionary: of one pair, its PW-MCC.
  double mmcs_ab = 0;       // Mean over rows of a of the largest cosine with any row of b.
  double mmcs_ba = 0;       //
  double max_above_ab = 0;  // Fraction of rows of a whose largest cosine is at or above the threshold.
  double max_above_ba = 0;  //
};

struct CurvePoint {
  double threshold = 0;
  double strict = 0;
  double aligned = 0;
};

// A fraction is of the latents of the smaller dictionary, of a where both have as many.
struct PairAgreement {
  SideAgreement decoder;
  SideAgreement encoder;
  double encoder_decoder_equal = 0;  // Counterparts::Equal
  double shared_strict = 0;          // Counterparts::Strict
  // Counterparts::Aligned. Where counterparts of the two sides differ, counting the latents of b may give another
  // number.
  double shared_aligned = 0;
  std::vector<CurvePoint> curve;  // Thresholds 0, 0.05, ..., 1.
};

// INVALID_ARGUMENT where the matching's sizes contradict one another. Swapping a and b swaps what is named a and b and
// changes nothing else, but for shared_aligned.
absl::StatusOr<PairAgreement> MeasurePair(const PairMatching& pair, double threshold);

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_PAIR_AGREEMENT_H_
