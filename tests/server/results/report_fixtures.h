// Made-up agreements of a sweep with every figure's data.
#ifndef SEEDBED_TESTS_SERVER_RESULTS_REPORT_FIXTURES_H_
#define SEEDBED_TESTS_SERVER_RESULTS_REPORT_FIXTURES_H_

#include <cstdint>
#include <string>

#include "seedbed/v1/results.pb.h"

namespace seedbed {

struct MadeUpSet {
  std::string hookpoint = "layers.9";
  std::string architecture = "topk";
  int64_t latents = 512;
  int seeds = 3;
  double shared = 0.4;    // Strict at the threshold of 0.7; other figures go with it.
  bool evaluated = true;  // There are deciles and correlations.
  int64_t trained_tokens = 0;
};

v1::Agreement MadeUpAgreement(const std::string& sibling_set_id, const MadeUpSet& set);

v1::Agreement MadeUpFailure(const std::string& sibling_set_id, const std::string& message);

// Three widths at three layers and two sites, three architectures, one failed set and one that is pending.
v1::ListAgreementsResponse MadeUpSweep();

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_RESULTS_REPORT_FIXTURES_H_
