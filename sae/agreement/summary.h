// What the pairs of a sibling set say together.
#ifndef SEEDBED_SAE_AGREEMENT_SUMMARY_H_
#define SEEDBED_SAE_AGREEMENT_SUMMARY_H_

#include <vector>

#include "absl/types/span.h"
#include "sae/agreement/pair_agreement.h"
#include "sae/agreement/sharing.h"
#include "sae/agreement/sibling_matchings.h"

namespace seedbed {

struct Statistic {
  double mean = 0;
  double sd = 0;               // Sample standard deviation; 0 for one value.
  std::vector<double> values;  // In the order of pairs.
};

Statistic StatisticOf(std::vector<double> values);

struct AgreementSummary {
  Statistic decoder_mean_cosine;  // Its mean is the PW-MCC.
  Statistic encoder_mean_cosine;
  Statistic encoder_decoder_equal;
  Statistic shared_strict;
  Statistic shared_aligned;
  Statistic mmcs;  // On decoder rows, mean of both directions.
  // [S] sharing_counts[m - 1]: latents found in exactly m of the S dictionaries, itself counted; mean over
  // dictionaries.
  std::vector<double> sharing_counts;
  std::vector<UniqueFraction> unique_fraction_by_seeds;  // [S]
};

// `pairs` are those of `siblings`, at least one, in its order: (0,1), (0,2), ..., (1,2), ...
AgreementSummary Summarize(absl::Span<const PairAgreement> pairs, const SiblingMatchings& siblings, double threshold);

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_SUMMARY_H_
