// The sibling sets of a sweep that have an agreement, as figures and tables name them.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_REPORT_SET_H_
#define SEEDBED_SERVER_RESULTS_REPORT_REPORT_SET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "seedbed/v1/results.pb.h"

namespace seedbed {

struct ReportSet {
  const v1::Agreement* agreement = nullptr;  // Of the response that it was made from.
  std::string name;                          // "layers.9 topk, 512 latents, k 16"
  std::string short_name;                    // What tells it from the others: "512 latents"; its name, if it is alone.
  std::string hookpoint;
  std::string architecture;
  std::string sparsity;
  int64_t latents = 0;
  int64_t trained_tokens = 0;  // 0 = not known.
  std::string tokens;          // "131,072 tokens", where not all sets were trained on as many; else empty.

  const v1::AgreementSummary& summary() const { return agreement->siblings(); }
  int seeds() const { return agreement->dictionaries_size(); }
};

// In the order of the response; those that failed are left out. No two have the same name or short name.
std::vector<ReportSet> ReportSets(const v1::ListAgreementsResponse& response);

// "0.1523 ± 0.0153"; "-" for a statistic that is not there.
std::string FormatStatistic(bool is_set, const v1::Statistic& statistic);

// "0 - 1": the seeds of a pair; "#0 - #1" where no such dictionaries are.
std::string PairName(const v1::Agreement& agreement, const v1::PairAgreement& pair);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_REPORT_SET_H_
