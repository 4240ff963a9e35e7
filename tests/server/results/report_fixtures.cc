#include "tests/server/results/report_fixtures.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

constexpr int kSampleSize = 300;

// In [0, 1), the same for the same i.
double Scatter(int i) {
  const double x = std::sin(12.9898 * (i + 1)) * 43758.5453;
  return x - std::floor(x);
}

void SetStatistic(double mean, double sd, int values, v1::Statistic* statistic) {
  statistic->set_mean(mean);
  statistic->set_sd(sd);
  for (int i = 0; i < values; ++i) statistic->add_values(mean);
}

void SetSide(double cosine, v1::SideAlignment* side) {
  side->set_mean_cosine(cosine);
  side->set_upper_bound(cosine);
  side->set_certified(true);
  side->set_mmcs_ab(cosine + 0.02);
  side->set_mmcs_ba(cosine + 0.04);
  side->set_pw_mcc(cosine);
}

void AddCurve(double shared, v1::PairAgreement* pair) {
  for (int i = 0; i <= 20; ++i) {
    v1::CurvePoint* point = pair->add_curve();
    const double threshold = i / 20.0;
    point->set_threshold(threshold);
    point->set_strict(std::min(0.95, shared * std::pow((1 - threshold) / 0.3, 0.6)));
    point->set_aligned(std::min(1.0, point->strict() * 1.15));
  }
}

void AddDeciles(double shared, v1::PairAgreement* pair) {
  for (int i = 0; i < 10; ++i) {
    v1::FrequencyDecile* decile = pair->add_deciles_a();
    decile->set_latents(50);
    decile->set_least_frequency(std::pow(2, i) * 1e-4);
    decile->set_largest_frequency(std::pow(2, i + 1) * 1e-4);
    decile->set_shared_strict(shared * (0.5 + i / 10.0));
    decile->set_shared_aligned(shared * (0.6 + i / 10.0));
    *pair->add_deciles_b() = *decile;
  }
}

void AddCorrelations(v1::PairAgreement* pair) {
  for (int i = 0; i < 20; ++i) pair->mutable_functional()->add_histogram(i < 9 ? 1 : (i - 8) * (i - 8));
  pair->mutable_functional()->set_mean_correlation(0.6);
}

void AddSample(double cosine, v1::PairAgreement* pair) {
  for (int i = 0; i < kSampleSize; ++i) {
    const double decoder = std::min(1.0, cosine * 0.4 + Scatter(i) * 0.8);
    pair->add_sample_decoder_cosines(static_cast<float>(decoder));
    pair->add_sample_encoder_cosines(static_cast<float>(decoder * 0.9 - Scatter(i + kSampleSize) * 0.3));
  }
}

void AddPairs(const MadeUpSet& set, v1::Agreement* agreement) {
  for (int a = 0; a < set.seeds; ++a) {
    for (int b = a + 1; b < set.seeds; ++b) {
      v1::PairAgreement* pair = agreement->add_pairs();
      pair->set_a(a);
      pair->set_b(b);
      SetSide(set.shared + 0.3, pair->mutable_decoder());
      SetSide(set.shared + 0.2, pair->mutable_encoder());
      pair->set_encoder_decoder_equal(0.8);
      pair->set_shared_strict(set.shared);
      pair->set_shared_aligned(set.shared * 1.15);
      AddCurve(set.shared, pair);
      AddSample(set.shared + 0.3, pair);
      if (!set.evaluated) continue;
      AddDeciles(set.shared, pair);
      AddCorrelations(pair);
    }
  }
}

void AddSiblings(const MadeUpSet& set, v1::Agreement* agreement) {
  v1::AgreementSummary* summary = agreement->mutable_siblings();
  const int pairs = agreement->pairs_size();
  SetStatistic(set.shared + 0.3, 0.01, pairs, summary->mutable_decoder_mean_cosine());
  SetStatistic(set.shared + 0.2, 0.01, pairs, summary->mutable_encoder_mean_cosine());
  SetStatistic(0.8, 0.02, pairs, summary->mutable_encoder_decoder_equal());
  SetStatistic(set.shared, 0.03, pairs, summary->mutable_shared_strict());
  SetStatistic(set.shared * 1.15, 0.03, pairs, summary->mutable_shared_aligned());
  SetStatistic(set.shared + 0.33, 0.01, pairs, summary->mutable_mmcs());
  summary->set_pw_mcc(set.shared + 0.3);
  const double latents = static_cast<double>(set.latents);
  for (int m = 1; m <= set.seeds; ++m) {
    const double fraction = m == 1 ? 1 - set.shared : set.shared / (set.seeds - 1);
    summary->add_sharing_counts(latents * fraction);
    summary->add_unique_fraction_by_seeds(1 - set.shared * (1 - 1.0 / m) * set.seeds / (set.seeds - 1));
    summary->add_unique_fraction_sd(m == 1 ? 0 : 0.02);
  }
}

}  // namespace

v1::Agreement MadeUpAgreement(const std::string& sibling_set_id, const MadeUpSet& set) {
  v1::Agreement agreement;
  agreement.set_sweep_id("s1");
  agreement.set_sibling_set_id(sibling_set_id);
  agreement.set_threshold(0.7);
  agreement.set_trained_tokens(set.trained_tokens);
  agreement.set_same_batches(true);
  v1::SaeSpec* sae = agreement.mutable_sae();
  sae->set_hookpoint(set.hookpoint);
  sae->set_architecture(set.architecture);
  sae->set_latents(set.latents);
  if (set.architecture == "topk") {
    sae->set_k(16);
  } else {
    sae->set_target_l0(16);
  }
  for (int seed = 0; seed < set.seeds; ++seed) {
    v1::Dictionary* dictionary = agreement.add_dictionaries();
    dictionary->set_seed(seed);
    dictionary->set_latents(set.latents);
    dictionary->set_model("smollm2-135m");
    agreement.add_batch_hashes("ed05f536ada0c17e335d8eef5ffb7217");
  }
  AddPairs(set, &agreement);
  AddSiblings(set, &agreement);
  return agreement;
}

v1::Agreement MadeUpFailure(const std::string& sibling_set_id, const std::string& message) {
  v1::Agreement agreement;
  agreement.set_sibling_set_id(sibling_set_id);
  agreement.mutable_failure()->set_kind(v1::FAILURE_KIND_IO);
  agreement.mutable_failure()->set_message(message);
  return agreement;
}

v1::ListAgreementsResponse MadeUpSweep() {
  v1::ListAgreementsResponse response;
  int id = 0;
  const auto add = [&](const std::string& hookpoint, const std::string& architecture, int64_t latents, double shared) {
    MadeUpSet set;
    set.hookpoint = hookpoint;
    set.architecture = architecture;
    set.latents = latents;
    set.shared = shared;
    set.seeds = 5;
    *response.add_agreements() = MadeUpAgreement(absl::StrCat("s1-set", id++), set);
  };
  for (const int layer : {3, 9, 15}) {
    const std::string residual = absl::StrCat("layers.", layer);
    add(residual, "topk", 512, 0.5 - layer / 100.0);
    add(residual + ".mlp", "topk", 512, 0.6 - layer / 100.0);
  }
  add("layers.9", "topk", 2048, 0.3);
  add("layers.9", "topk", 8192, 0.2);
  add("layers.9", "relu", 512, 0.55);
  add("layers.9", "gated", 512, 0.62);
  *response.add_agreements() = MadeUpFailure("s1-failed", "the disk is full");
  response.add_pending_sibling_set_ids("s1-pending");
  return response;
}

}  // namespace seedbed
