// What a reader needs to know before the figures: the sweep's facts, a summary a sibling set, and what is missing.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_REPORT_FACTS_H_
#define SEEDBED_SERVER_RESULTS_REPORT_REPORT_FACTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/results/report/html.h"
#include "server/results/report/report_set.h"

namespace seedbed {

struct ReportFact {
  std::string name;
  std::string value;
  bool doubtful = false;  // It is to be seen at once: figures may not mean what they seem to.
};

// Of the sweep: model, hookpoints, seeds, threshold, whether siblings saw the same batches and every matching is
// certified, and which version made the page.
std::vector<ReportFact> ReportFacts(const v1::ListAgreementsResponse& response, const std::vector<ReportSet>& sets,
                                    absl::string_view version);

// A row a sibling set: mean and standard deviation of every scalar over its pairs.
HtmlTable SummaryTable(const std::vector<ReportSet>& sets);

// A row a pair.
HtmlTable PairTable(const std::vector<ReportSet>& sets);

// One line each: sets without an agreement, those that failed with the reason, and warnings.
std::vector<std::string> MissingAndDoubtful(const v1::ListAgreementsResponse& response,
                                            const std::vector<ReportSet>& sets);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_REPORT_FACTS_H_
