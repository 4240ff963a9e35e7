// What the matchings of three and more siblings show together. One function a figure; pure.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_SIBLING_FIGURES_H_
#define SEEDBED_SERVER_RESULTS_REPORT_SIBLING_FIGURES_H_

#include <vector>

#include "server/results/report/report_figure.h"
#include "server/results/report/report_set.h"

namespace seedbed {

// In how many of the S dictionaries a latent is found.
ReportFigure SharingFigure(const std::vector<ReportSet>& sets);

// The fraction found in one dictionary only, as the dictionaries become more.
ReportFigure UniqueFigure(const std::vector<ReportSet>& sets);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_SIBLING_FIGURES_H_
