// How far two dictionaries agree. Definitions: docs/metrics.md, after Paulo & Belrose 2025 ("Sparse Autoencoders
// Trained on the Same Data Learn Different Features") and Sharkey et al. 2022 (MMCS).
//
// A cosine is "at or above" a threshold when it is >= threshold - 1e-12 and "above" when it is > threshold + 1e-12: the
// rounding of a dot product must not decide whether a latent equals its own copy.
#ifndef SEEDBED_SAE_MATCH_AGREEMENT_H_
#define SEEDBED_SAE_MATCH_AGREEMENT_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/match/cosine.h"

namespace seedbed {

// What is compared of a dictionary: both [n, width], on the CPU. Row i of each belongs to latent i. The widths differ
// where a transcoder's do.
struct DictionaryRows {
  at::Tensor decoder;
  at::Tensor encoder;
};

// One exact matching of the rows of a to those of b.
struct SideAlignment {
  double mean_cosine = 0;   // Mean matched cosine over the smaller side.
  double mmcs_ab = 0;       // Mean over rows of a of the largest cosine with any row of b.
  double mmcs_ba = 0;       //
  double max_above_ab = 0;  // Fraction of rows of a whose largest cosine is at or above the threshold.
  double max_above_ba = 0;  //
  double upper_bound = 0;   // Of mean_cosine.
  bool certified = false;   // upper_bound - mean_cosine <= 1e-9.
};

struct CurvePoint {
  double threshold = 0;
  double strict = 0;
  double aligned = 0;
};

// A fraction is of the latents of the smaller dictionary, of a where both have as many.
struct PairAgreement {
  int64_t latents_a = 0;
  int64_t latents_b = 0;
  SideAlignment decoder;
  SideAlignment encoder;
  double encoder_decoder_equal = 0;  // Same counterpart under the matchings of both sides.
  double shared_strict = 0;          // Same counterpart and both cosines at or above the threshold.
  // Both cosines of a latent above the threshold, whatever its counterparts. Where these differ, counting the latents
  // of b may give another number.
  double shared_aligned = 0;
  std::vector<CurvePoint> curve;  // Thresholds 0, 0.05, ..., 1.
  std::vector<bool> strict_in_a;  // [latents_a] Which latents are strictly shared with one of b.
  std::vector<bool> strict_in_b;  // [latents_b]
};

// Errors: as MatchRows, naming the side (decoder, encoder); INVALID_ARGUMENT where encoder and decoder of one
// dictionary differ in shape. Swapping a and b swaps what is named a and b and changes nothing else, but for ties.
absl::StatusOr<PairAgreement> ComparePair(const DictionaryRows& a, const DictionaryRows& b, double threshold,
                                          const MatchOptions& options = {});

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_AGREEMENT_H_
