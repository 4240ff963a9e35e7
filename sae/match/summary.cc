#include "sae/match/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

template <typename Value>
Statistic StatisticOf(absl::Span<const PairAgreement> pairs, Value value) {
  Statistic statistic;
  for (const PairAgreement& pair : pairs) statistic.values.push_back(value(pair));
  const double count = static_cast<double>(statistic.values.size());
  statistic.mean = std::accumulate(statistic.values.begin(), statistic.values.end(), 0.0) / count;
  double squares = 0;
  for (const double x : statistic.values) squares += (x - statistic.mean) * (x - statistic.mean);
  if (statistic.values.size() > 1) statistic.sd = std::sqrt(squares / (count - 1));
  return statistic;
}

// Adds a pair's shared latents to the finders of one dictionary, whose size must be the same in every pair.
absl::Status AddFinders(const std::vector<bool>& strict, int64_t dictionary, std::vector<int64_t>& finders) {
  if (finders.empty()) finders.resize(strict.size(), 0);
  if (finders.size() != strict.size() || strict.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("dictionary ", dictionary, " has ", finders.size(),
                                                   " latents in one pair and ", strict.size(), " in another"));
  }
  for (size_t latent = 0; latent < strict.size(); ++latent) finders[latent] += strict[latent] ? 1 : 0;
  return absl::OkStatus();
}

// [dictionary][latent]: how many of the other dictionaries it is found in.
absl::StatusOr<std::vector<std::vector<int64_t>>> CountFinders(absl::Span<const PairAgreement> pairs,
                                                               int64_t dictionaries) {
  std::vector<std::vector<int64_t>> finders(dictionaries);
  size_t pair = 0;
  for (int64_t a = 0; a < dictionaries; ++a) {
    for (int64_t b = a + 1; b < dictionaries; ++b, ++pair) {
      RETURN_IF_ERROR(AddFinders(pairs[pair].strict_in_a, a, finders[a]));
      RETURN_IF_ERROR(AddFinders(pairs[pair].strict_in_b, b, finders[b]));
    }
  }
  return finders;
}

// misses[c]: chance that `drawn` of `others` dictionaries, drawn without replacement, hold none of c given ones:
// C(others - c, drawn) / C(others, drawn), as a product that never overflows.
std::vector<double> MissChances(int64_t others, int64_t drawn) {
  std::vector<double> misses(others + 1);
  for (int64_t c = 0; c <= others; ++c) {
    double chance = 1;
    for (int64_t i = 0; i < drawn; ++i) {
      chance *= static_cast<double>(std::max<int64_t>(others - c - i, 0)) / static_cast<double>(others - i);
    }
    misses[c] = chance;
  }
  return misses;
}

void AddSharing(const std::vector<std::vector<int64_t>>& finders, AgreementSummary& summary) {
  const int64_t dictionaries = static_cast<int64_t>(finders.size());
  summary.sharing_counts.assign(dictionaries, 0);
  for (const std::vector<int64_t>& latents : finders) {
    for (const int64_t count : latents) summary.sharing_counts[count] += 1;
  }
  for (double& count : summary.sharing_counts) count /= static_cast<double>(dictionaries);
  for (int64_t size = 1; size <= dictionaries; ++size) {
    const std::vector<double> misses = MissChances(dictionaries - 1, size - 1);
    double unique = 0;
    for (const std::vector<int64_t>& latents : finders) {
      double sum = 0;
      for (const int64_t count : latents) sum += misses[count];
      unique += sum / static_cast<double>(latents.size());
    }
    summary.unique_fraction_by_seeds.push_back(unique / static_cast<double>(dictionaries));
  }
}

}  // namespace

absl::StatusOr<AgreementSummary> Summarize(absl::Span<const PairAgreement> pairs, int64_t dictionaries) {
  if (dictionaries < 2 || static_cast<int64_t>(pairs.size()) != dictionaries * (dictionaries - 1) / 2) {
    return absl::InvalidArgumentError(absl::StrCat("found ", pairs.size(), " pairs of ", dictionaries,
                                                   " dictionaries; S (S - 1) / 2 pairs of S >= 2 are needed"));
  }
  AgreementSummary summary;
  summary.decoder_mean_cosine = StatisticOf(pairs, [](const auto& pair) { return pair.decoder.mean_cosine; });
  summary.encoder_mean_cosine = StatisticOf(pairs, [](const auto& pair) { return pair.encoder.mean_cosine; });
  summary.encoder_decoder_equal = StatisticOf(pairs, [](const auto& pair) { return pair.encoder_decoder_equal; });
  summary.shared_strict = StatisticOf(pairs, [](const auto& pair) { return pair.shared_strict; });
  summary.shared_aligned = StatisticOf(pairs, [](const auto& pair) { return pair.shared_aligned; });
  summary.mmcs = StatisticOf(pairs, [](const auto& pair) { return (pair.decoder.mmcs_ab + pair.decoder.mmcs_ba) / 2; });
  summary.pw_mcc = summary.decoder_mean_cosine.mean;
  ASSIGN_OR_RETURN(const auto finders, CountFinders(pairs, dictionaries));
  AddSharing(finders, summary);
  return summary;
}

}  // namespace seedbed
