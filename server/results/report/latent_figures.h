// What single latents do: their cosines on both sides, how often they fire, how their activations correlate. One
// function a figure; pure.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_LATENT_FIGURES_H_
#define SEEDBED_SERVER_RESULTS_REPORT_LATENT_FIGURES_H_

#include <vector>

#include "server/results/report/report_figure.h"
#include "server/results/report/report_set.h"

namespace seedbed {

// A chart a sibling set, of its first pair that has a sample. With many sets fewer latents of each, so that a page
// stays within a few MB.
ReportFigure CosineFigure(const std::vector<ReportSet>& sets);

// Mean over both dictionaries of all pairs.
ReportFigure FrequencyFigure(const std::vector<ReportSet>& sets);

// A chart a sibling set, over all its pairs.
ReportFigure CorrelationFigure(const std::vector<ReportSet>& sets);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_LATENT_FIGURES_H_
