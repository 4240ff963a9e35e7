// The report of a sweep, or of several together: one HTML page that needs nothing but itself. No script, no font, nothing from a network; its
// own policy forbids all of that.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_REPORT_PAGE_H_
#define SEEDBED_SERVER_RESULTS_REPORT_REPORT_PAGE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "seedbed/v1/results.pb.h"

namespace seedbed {

// Facts, a summary a sibling set, every figure that the agreements give, and a list of those left out with the reasons.
// The same response gives the same bytes. Pure. Whatever names are in the response, they are text on the page.
std::string RenderReport(const std::vector<std::string>& sweep_ids, const v1::ListAgreementsResponse& response,
                         absl::string_view version);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_REPORT_PAGE_H_
