// The shared fraction, strict and aligned, against what varies in a sweep. One function a figure; pure.
//
// strict: latents with the same counterpart on decoder and encoder rows and both cosines >= threshold; aligned: both
// cosines > threshold, whatever their counterparts (Paulo & Belrose 2025 and their script have one each).
#ifndef SEEDBED_SERVER_RESULTS_REPORT_SHARED_FIGURES_H_
#define SEEDBED_SERVER_RESULTS_REPORT_SHARED_FIGURES_H_

#include <vector>

#include "server/results/report/report_figure.h"
#include "server/results/report/report_set.h"

namespace seedbed {

ReportFigure ThresholdFigure(const std::vector<ReportSet>& sets);

// Sets that differ in their latents alone make a line.
ReportFigure WidthFigure(const std::vector<ReportSet>& sets);

// A line over the layers of one site ("layers.N", "layers.N.mlp") where hookpoints are named so; otherwise a row a
// hookpoint.
ReportFigure HookpointFigure(const std::vector<ReportSet>& sets);

// Of sets at the same hookpoint and of the same width.
ReportFigure ArchitectureFigure(const std::vector<ReportSet>& sets);

// Sets that differ in what they were trained on alone make a line; one sweep trains all its runs on as many tokens, so
// this takes several.
ReportFigure TokensFigure(const std::vector<ReportSet>& sets);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_SHARED_FIGURES_H_
