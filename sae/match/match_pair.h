// The exact matchings of two dictionaries, of their decoder and of their encoder rows.
#ifndef SEEDBED_SAE_MATCH_MATCH_PAIR_H_
#define SEEDBED_SAE_MATCH_MATCH_PAIR_H_

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/agreement/pair_matching.h"
#include "sae/match/cosine.h"

namespace seedbed {

// What is compared of a dictionary: both [n, width], on the CPU. Row i of each belongs to latent i. The widths differ
// where a transcoder's do.
struct DictionaryRows {
  at::Tensor decoder;
  at::Tensor encoder;
};

// Errors: as MatchRows, naming the side (decoder, encoder); INVALID_ARGUMENT where encoder and decoder of one
// dictionary differ in their number of rows. Swapping a and b swaps what is named a and b and changes nothing else, but
// for ties.
absl::StatusOr<PairMatching> MatchPair(const DictionaryRows& a, const DictionaryRows& b,
                                       const MatchOptions& options = {});

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_MATCH_PAIR_H_
