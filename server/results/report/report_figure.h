// A figure of the report: charts, what exactly they show, and their numbers as a table. A figure whose axis does not
// vary in a sweep is left out with a reason.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_REPORT_FIGURE_H_
#define SEEDBED_SERVER_RESULTS_REPORT_REPORT_FIGURE_H_

#include <string>
#include <vector>

#include "server/results/report/chart.h"
#include "server/results/report/html.h"

namespace seedbed {

struct ReportFigure {
  std::string id;  // Names it in the page's addresses: "threshold"
  std::string title;
  std::string definition;  // One sentence or a few, plain text.
  std::vector<Chart> charts;
  HtmlTable table;
  std::string omission;  // Not empty: why it is left out; then there are no charts.
};

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_REPORT_FIGURE_H_
