#include "worker/agree/agreement_message.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/utf8.h"
#include "sae/agreement/frequency_deciles.h"
#include "sae/agreement/summary.h"

namespace seedbed {
namespace {

constexpr int64_t kMostSampled = 1000;
constexpr int kHistogramBins = 20;  // Of correlations from -1 to 1.

v1::Dictionary ToMessage(const ComparedDictionary& dictionary) {
  v1::Dictionary message;
  message.set_path(ReplaceInvalidUtf8(dictionary.path));
  message.set_run_id(dictionary.facts.run_id);
  message.set_seed(dictionary.facts.seed.value_or(0));
  message.set_latents(dictionary.latents);
  message.set_d_in(dictionary.d_in);
  message.set_d_out(dictionary.d_out);
  message.set_manifest_sha256(dictionary.manifest_sha256);
  message.set_model(dictionary.facts.model);
  message.set_hookpoint(dictionary.facts.hookpoint);
  message.set_architecture(dictionary.architecture);
  return message;
}

v1::SideAlignment ToMessage(const SideMatching& matching, const SideAgreement& side) {
  v1::SideAlignment message;
  message.set_mean_cosine(side.mean_cosine);
  message.set_mmcs_ab(side.mmcs_ab);
  message.set_mmcs_ba(side.mmcs_ba);
  message.set_max_above_ab(side.max_above_ab);
  message.set_max_above_ba(side.max_above_ba);
  message.set_upper_bound(matching.upper_bound);
  message.set_certified(matching.certified);
  message.set_pw_mcc(side.mean_cosine);
  message.set_rounds(matching.rounds);
  message.set_seconds(matching.seconds);
  message.set_zero_rows_a(matching.zero_rows_a);
  message.set_zero_rows_b(matching.zero_rows_b);
  message.set_mmcs_exact(matching.largest_proven);
  return message;
}

v1::FrequencyDecile ToMessage(const FrequencyDecile& decile) {
  v1::FrequencyDecile message;
  message.set_latents(decile.latents);
  message.set_least_frequency(decile.least_frequency);
  message.set_largest_frequency(decile.largest_frequency);
  message.set_mean_decoder_cosine(decile.mean_decoder_cosine);
  message.set_mean_encoder_cosine(decile.mean_encoder_cosine);
  message.set_encoder_decoder_equal(decile.encoder_decoder_equal);
  message.set_shared_strict(decile.shared_strict);
  message.set_shared_aligned(decile.shared_aligned);
  return message;
}

v1::Statistic ToMessage(const Statistic& statistic) {
  v1::Statistic message;
  message.set_mean(statistic.mean);
  message.set_sd(statistic.sd);
  message.mutable_values()->Add(statistic.values.begin(), statistic.values.end());
  return message;
}

v1::AgreementSummary ToMessage(const AgreementSummary& summary) {
  v1::AgreementSummary message;
  *message.mutable_decoder_mean_cosine() = ToMessage(summary.decoder_mean_cosine);
  *message.mutable_encoder_mean_cosine() = ToMessage(summary.encoder_mean_cosine);
  *message.mutable_encoder_decoder_equal() = ToMessage(summary.encoder_decoder_equal);
  *message.mutable_shared_strict() = ToMessage(summary.shared_strict);
  *message.mutable_shared_aligned() = ToMessage(summary.shared_aligned);
  *message.mutable_mmcs() = ToMessage(summary.mmcs);
  message.set_pw_mcc(summary.decoder_mean_cosine.mean);
  message.mutable_sharing_counts()->Add(summary.sharing_counts.begin(), summary.sharing_counts.end());
  for (const UniqueFraction& fraction : summary.unique_fraction_by_seeds) {
    message.add_unique_fraction_by_seeds(fraction.mean);
    message.add_unique_fraction_sd(fraction.sd);
  }
  return message;
}

v1::FunctionalAgreement ToMessage(const Correlations& correlations, const Counterparts& counterparts, double threshold,
                                  const HeldOutRows& rows) {
  std::vector<double> all, shared;
  std::vector<int64_t> histogram(kHistogramBins, 0);
  for (size_t latent = 0; latent < correlations.size(); ++latent) {
    if (!correlations[latent].has_value()) continue;
    const double correlation = *correlations[latent];
    all.push_back(correlation);
    if (counterparts.Strict(static_cast<int64_t>(latent), threshold)) shared.push_back(correlation);
    const auto bin = static_cast<int>(std::floor((correlation + 1) * kHistogramBins / 2));
    histogram[static_cast<size_t>(std::clamp(bin, 0, kHistogramBins - 1))] += 1;
  }
  v1::FunctionalAgreement message;
  message.set_rows(rows.rows.size(0));
  message.set_latents(static_cast<int64_t>(all.size()));
  message.set_mean_of_shared(StatisticOf(std::move(shared)).mean);
  const Statistic statistic = StatisticOf(std::move(all));
  message.set_mean_correlation(statistic.mean);
  message.set_sd(statistic.sd);
  message.mutable_histogram()->Add(histogram.begin(), histogram.end());
  message.set_rows_sha256(rows.sha256);
  return message;
}

void AddSample(const Counterparts& counterparts, v1::PairAgreement* message) {
  const int64_t sampled = std::min(kMostSampled, counterparts.latents());
  for (int64_t i = 0; i < sampled; ++i) {
    const auto latent = static_cast<size_t>(i * counterparts.latents() / sampled);
    if (counterparts.decoder.counterpart[latent] < 0) continue;
    message->add_sample_decoder_cosines(static_cast<float>(counterparts.decoder.cosine[latent]));
    message->add_sample_encoder_cosines(static_cast<float>(counterparts.encoder.cosine[latent]));
  }
}

absl::Status AddDeciles(const Counterparts& counterparts, const std::vector<double>& frequency, double threshold,
                        google::protobuf::RepeatedPtrField<v1::FrequencyDecile>* out) {
  if (frequency.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<FrequencyDecile> deciles, FrequencyDeciles(counterparts, frequency, threshold));
  for (const FrequencyDecile& decile : deciles) *out->Add() = ToMessage(decile);
  return absl::OkStatus();
}

absl::StatusOr<v1::PairAgreement> ToMessage(const ComparedPair& pair, const Comparison& comparison, double threshold) {
  const PairAgreement& agreement = pair.agreement;
  v1::PairAgreement message;
  message.set_a(static_cast<int>(pair.a));
  message.set_b(static_cast<int>(pair.b));
  message.set_seconds(pair.matching.decoder.seconds + pair.matching.encoder.seconds);
  *message.mutable_decoder() = ToMessage(pair.matching.decoder, agreement.decoder);
  *message.mutable_encoder() = ToMessage(pair.matching.encoder, agreement.encoder);
  message.set_encoder_decoder_equal(agreement.encoder_decoder_equal);
  message.set_shared_strict(agreement.shared_strict);
  message.set_shared_aligned(agreement.shared_aligned);
  for (const CurvePoint& point : agreement.curve) {
    v1::CurvePoint* added = message.add_curve();
    added->set_threshold(point.threshold);
    added->set_strict(point.strict);
    added->set_aligned(point.aligned);
  }
  const Counterparts& of_a = comparison.siblings.Of(pair.a, pair.b);
  const auto frequency = [&](int64_t dictionary) -> const std::vector<double>& {
    return comparison.dictionaries[static_cast<size_t>(dictionary)].firing_frequency;
  };
  RETURN_IF_ERROR(AddDeciles(of_a, frequency(pair.a), threshold, message.mutable_deciles_a()));
  RETURN_IF_ERROR(
      AddDeciles(comparison.siblings.Of(pair.b, pair.a), frequency(pair.b), threshold, message.mutable_deciles_b()));
  if (comparison.rows.has_value()) {
    *message.mutable_functional() = ToMessage(pair.correlations, of_a, threshold, *comparison.rows);
  }
  AddSample(of_a, &message);
  return message;
}

void AddBatchHashes(const std::vector<ComparedDictionary>& dictionaries, v1::Agreement* agreement) {
  bool same = !dictionaries[0].facts.batch_hash.empty();
  for (const ComparedDictionary& dictionary : dictionaries) {
    agreement->add_batch_hashes(dictionary.facts.batch_hash);
    same = same && dictionary.facts.batch_hash == dictionaries[0].facts.batch_hash;
  }
  agreement->set_same_batches(same);
}

}  // namespace

v1::Artifact ToMessage(const ExportedDictionary& exported) {
  v1::Artifact message;
  message.set_path(ReplaceInvalidUtf8(exported.path));
  for (const ExportedFile& file : exported.files) {
    v1::ArtifactFile* added = message.add_files();
    added->set_name(file.name);
    added->set_bytes(file.bytes);
    added->set_sha256(file.sha256);
  }
  message.set_manifest_sha256(exported.manifest_sha256);
  return message;
}

absl::StatusOr<v1::Agreement> ToMessage(const Comparison& comparison, double threshold) {
  v1::Agreement agreement;
  agreement.set_threshold(threshold);
  for (const ComparedDictionary& dictionary : comparison.dictionaries) {
    *agreement.add_dictionaries() = ToMessage(dictionary);
  }
  AddBatchHashes(comparison.dictionaries, &agreement);
  for (const std::string& warning : comparison.warnings) agreement.add_warnings(ReplaceInvalidUtf8(warning));
  std::vector<PairAgreement> pairs;
  std::vector<double> functional;
  for (const ComparedPair& pair : comparison.pairs) {
    pairs.push_back(pair.agreement);
    ASSIGN_OR_RETURN(*agreement.add_pairs(), ToMessage(pair, comparison, threshold));
    const v1::PairAgreement& added = *agreement.pairs().rbegin();
    if (added.functional().latents() > 0) functional.push_back(added.functional().mean_correlation());
  }
  *agreement.mutable_siblings() = ToMessage(Summarize(pairs, comparison.siblings, threshold));
  if (!functional.empty()) {
    *agreement.mutable_siblings()->mutable_functional_correlation() = ToMessage(StatisticOf(std::move(functional)));
  }
  return agreement;
}

}  // namespace seedbed
