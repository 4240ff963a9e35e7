#include "server/results/results_metrics.h"

#include <string>

#include "server/results/comparison.h"

namespace seedbed {
namespace {

prometheus::Gauge& MakeGauge(prometheus::Registry& registry, const std::string& name, const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& MakeCounter(prometheus::Registry& registry, const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& MakeHistogram(prometheus::Registry& registry, const std::string& name, const std::string& help) {
  const prometheus::Histogram::BucketBoundaries seconds = {0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500};
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, seconds);
}

double Pairs(const v1::Agreement& agreement) {
  const double dictionaries = agreement.dictionaries_size();
  return dictionaries * (dictionaries - 1) / 2;
}

bool Certified(const v1::PairAgreement& pair) { return pair.decoder().certified() && pair.encoder().certified(); }

}  // namespace

ResultsMetrics::ResultsMetrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      last_event_(MakeGauge(*registry_, "seedbed_results_last_event", "Newest event of the coordinator taken in.")),
      connected_(MakeGauge(*registry_, "seedbed_results_coordinator_connected",
                           "1 while events of the coordinator are being read, 0 otherwise.")),
      sets_pending_(MakeGauge(*registry_, "seedbed_results_sibling_sets_pending",
                              "Finished sibling sets whose agreement is not stored yet.")),
      pairs_pending_(
          MakeGauge(*registry_, "seedbed_results_pairs_pending", "Pairs of dictionaries of the pending sibling sets.")),
      computed_(MakeCounter(*registry_, "seedbed_results_agreements_computed_total",
                            "Agreements of sibling sets that were computed.")),
      reused_(MakeCounter(*registry_, "seedbed_results_agreements_reused_total",
                          "Agreements answered from stored ones of the same dictionaries and settings.")),
      failed_(MakeCounter(*registry_, "seedbed_results_agreements_failed_total",
                          "Sibling sets whose agreement was given up.")),
      failed_attempts_(MakeCounter(*registry_, "seedbed_results_failed_attempts_total",
                                   "Runs of seedbed-agree that gave no agreement.")),
      pairs_computed_(
          MakeCounter(*registry_, "seedbed_results_pairs_computed_total", "Pairs of dictionaries that were compared.")),
      uncertified_(MakeCounter(*registry_, "seedbed_results_uncertified_pairs_total",
                               "Compared pairs whose matching is not proven to be optimal.")),
      seconds_(MakeHistogram(*registry_, "seedbed_results_agreement_seconds",
                             "Time that computing the agreement of a sibling set took, retries included.")),
      gap_(MakeGauge(*registry_, "seedbed_results_largest_gap",
                     "Largest upper bound minus mean cosine of the agreement computed last.")),
      shared_(
          MakeGauge(*registry_, "seedbed_results_shared_fraction",
                    "Fraction of latents that are strictly shared, mean over pairs of the agreement computed last.")) {}

void ResultsMetrics::SetPending(const std::vector<v1::Agreement>& requests) {
  double pairs = 0;
  for (const v1::Agreement& request : requests) pairs += Pairs(request);
  sets_pending_.Set(static_cast<double>(requests.size()));
  pairs_pending_.Set(pairs);
}

void ResultsMetrics::CountComputed(const v1::Agreement& agreement, double seconds) {
  computed_.Increment();
  pairs_computed_.Increment(Pairs(agreement));
  for (const v1::PairAgreement& pair : agreement.pairs()) uncertified_.Increment(Certified(pair) ? 0 : 1);
  seconds_.Observe(seconds);
  gap_.Set(LargestGap(agreement));
  shared_.Set(agreement.siblings().shared_strict().mean());
}

}  // namespace seedbed
