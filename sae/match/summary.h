// What the pairs of a sibling set say together. Pure.
#ifndef SEEDBED_SAE_MATCH_SUMMARY_H_
#define SEEDBED_SAE_MATCH_SUMMARY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/match/agreement.h"

namespace seedbed {

struct Statistic {
  double mean = 0;
  double sd = 0;               // Sample standard deviation; 0 for one value.
  std::vector<double> values;  // In the order of pairs.
};

struct AgreementSummary {
  Statistic decoder_mean_cosine;
  Statistic encoder_mean_cosine;
  Statistic encoder_decoder_equal;
  Statistic shared_strict;
  Statistic shared_aligned;
  Statistic mmcs;     // On decoder rows, mean of both directions.
  double pw_mcc = 0;  // Mean over pairs of the mean matched decoder cosine.
  // [S] sharing_counts[m-1]: latents found in exactly m of the S dictionaries, itself counted, mean over dictionaries.
  // Found = strictly shared with the other dictionary in that pair.
  std::vector<double> sharing_counts;
  // [S] unique_fraction_by_seeds[s-1]: fraction of a dictionary's latents that are found in none of the others, among s
  // dictionaries; mean over all subsets of size s and over the dictionaries in them. 1 for s = 1.
  std::vector<double> unique_fraction_by_seeds;
};

// `pairs` are (0,1), (0,2), ..., (1,2), ... of `dictionaries` (S >= 2) dictionaries. INVALID_ARGUMENT, naming the
// numbers, where they are not S (S - 1) / 2 or where their sizes contradict one another.
absl::StatusOr<AgreementSummary> Summarize(absl::Span<const PairAgreement> pairs, int64_t dictionaries);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_SUMMARY_H_
