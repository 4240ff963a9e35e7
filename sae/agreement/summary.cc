#include "sae/agreement/summary.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace seedbed {
namespace {

template <typename Value>
Statistic Over(absl::Span<const PairAgreement> pairs, Value value) {
  std::vector<double> values;
  for (const PairAgreement& pair : pairs) values.push_back(value(pair));
  return StatisticOf(std::move(values));
}

std::vector<double> MeanSharingCounts(const SiblingMatchings& siblings, double threshold) {
  const int64_t dictionaries = siblings.dictionaries();
  std::vector<double> mean(static_cast<size_t>(dictionaries), 0.0);
  for (int64_t dictionary = 0; dictionary < dictionaries; ++dictionary) {
    const std::vector<int64_t> counts = SharingCounts(siblings, dictionary, threshold);
    for (size_t m = 0; m < mean.size(); ++m) mean[m] += static_cast<double>(counts[m]);
  }
  for (double& count : mean) count /= static_cast<double>(dictionaries);
  return mean;
}

}  // namespace

Statistic StatisticOf(std::vector<double> values) {
  Statistic statistic;
  statistic.values = std::move(values);
  const auto count = static_cast<double>(statistic.values.size());
  if (statistic.values.empty()) return statistic;
  statistic.mean = std::accumulate(statistic.values.begin(), statistic.values.end(), 0.0) / count;
  double squares = 0;
  for (const double x : statistic.values) squares += (x - statistic.mean) * (x - statistic.mean);
  if (statistic.values.size() > 1) statistic.sd = std::sqrt(squares / (count - 1));
  return statistic;
}

AgreementSummary Summarize(absl::Span<const PairAgreement> pairs, const SiblingMatchings& siblings, double threshold) {
  AgreementSummary summary;
  summary.decoder_mean_cosine = Over(pairs, [](const auto& pair) { return pair.decoder.mean_cosine; });
  summary.encoder_mean_cosine = Over(pairs, [](const auto& pair) { return pair.encoder.mean_cosine; });
  summary.encoder_decoder_equal = Over(pairs, [](const auto& pair) { return pair.encoder_decoder_equal; });
  summary.shared_strict = Over(pairs, [](const auto& pair) { return pair.shared_strict; });
  summary.shared_aligned = Over(pairs, [](const auto& pair) { return pair.shared_aligned; });
  summary.mmcs = Over(pairs, [](const auto& pair) { return (pair.decoder.mmcs_ab + pair.decoder.mmcs_ba) / 2; });
  summary.sharing_counts = MeanSharingCounts(siblings, threshold);
  summary.unique_fraction_by_seeds = UniqueFractions(siblings, threshold);
  return summary;
}

}  // namespace seedbed
