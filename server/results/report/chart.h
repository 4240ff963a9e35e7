// Charts as plain inline SVG: lines, points and bars on two axes, with a legend. Colours are variables of the page's
// style (report_style.h); series differ by colour, dashes and the shape of points, so that none depends on colour
// alone.
#ifndef SEEDBED_SERVER_RESULTS_REPORT_CHART_H_
#define SEEDBED_SERVER_RESULTS_REPORT_CHART_H_

#include <string>
#include <vector>

#include "server/results/report/chart_axis.h"

namespace seedbed {

// As many series as can be told from each other; a chart has no more.
inline constexpr int kMostChartSeries = 6;

struct ChartPoint {
  double x = 0;
  double y = 0;
  double x_spread = 0;  // Half the length of a whisker; 0 = none.
  double y_spread = 0;
};

struct ChartSeries {
  enum class Mark {
    kLine,
    kLineAndPoints,
    kPoints,
    kCloud,  // Small dots that let each other show through.
    kBars,   // From 0, `bar_width` wide in units of x; those of several series stand side by side.
  };

  std::string name;
  Mark mark = Mark::kLine;
  std::vector<ChartPoint> points;  // Those that are not finite or outside the axes are left out.
};

struct Chart {
  std::string title;
  ChartAxis x;
  ChartAxis y;
  std::vector<ChartSeries> series;
  std::vector<double> x_guides;  // Dotted lines across the chart.
  std::vector<double> y_guides;
  double bar_width = 1;
  // Not empty: y has no scale; category i, from the top, is the row at y = i, under its name.
  std::vector<std::string> categories;
};

// The legend (of more than one series) and the drawing, which is as wide as its box. A series of few characters is
// named at the end of its line, too.
std::string DrawChart(const Chart& chart);

}  // namespace seedbed

#endif  // SEEDBED_SERVER_RESULTS_REPORT_CHART_H_
