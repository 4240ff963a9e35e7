#include "server/results/report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/results/report/html.h"

namespace seedbed {
namespace {

// In units of the drawing, which are pixels where the box is that wide.
constexpr double kWidth = 440;
constexpr double kHeight = 300;
constexpr double kCategoryHeight = 44;
constexpr double kLeft = 60, kTop = 12, kBottom = 46, kRight = 14;
constexpr double kCharacter = 7;
constexpr double kLineHeight = 15;
constexpr size_t kLongestEndLabel = 14;

using Mark = ChartSeries::Mark;

// The rectangle that data is drawn in, and how values get there.
struct Plot {
  double left = kLeft, top = kTop, width = 0, height = 0;
  const ChartAxis* x_axis = nullptr;
  const ChartAxis* y_axis = nullptr;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
  double X(double value) const { return left + width * x_axis->Place(value); }
  double Y(double value) const { return top + height * (1 - y_axis->Place(value)); }
  bool Holds(double x, double y) const {
    const auto within = [](double place) { return place >= -1e-9 && place <= 1 + 1e-9; };
    return within(x_axis->Place(x)) && within(y_axis->Place(y));
  }
};

std::string Number(double value) { return absl::StrFormat("%.1f", value); }

std::string Line(absl::string_view style, double x1, double y1, double x2, double y2) {
  return absl::StrCat("<path class=\"", style, "\" d=\"M", Number(x1), " ", Number(y1), "L", Number(x2), " ",
                      Number(y2), "\"/>\n");
}

std::string Label(absl::string_view style, double x, double y, absl::string_view text) {
  return absl::StrCat("<text class=\"", style, "\" x=\"", Number(x), "\" y=\"", Number(y), "\">", EscapeHtml(text),
                      "</text>\n");
}

// One shape a series, about 8 wide, around (x, y).
std::string Marker(size_t series, double x, double y) {
  const std::string start = absl::StrCat("<path class=\"marker\" d=\"M", Number(x), " ", Number(y));
  switch (series) {
    case 0:
      return absl::StrCat(start, "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z\"/>");
    case 1:
      return absl::StrCat(start, "m-3.6 -3.6h7.2v7.2h-7.2z\"/>");
    case 2:
      return absl::StrCat(start, "m0 -5l4.6 8.4h-9.2z\"/>");
    case 3:
      return absl::StrCat(start, "m0 -5.2l5.2 5.2l-5.2 5.2l-5.2 -5.2z\"/>");
    case 4:
      return absl::StrCat(start, "m0 5l4.6 -8.4h-9.2z\"/>");
    default:
      return absl::StrCat(start, "m-5 -1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z\"/>");
  }
}

bool HasLine(Mark mark) { return mark == Mark::kLine || mark == Mark::kLineAndPoints; }
bool HasMarkers(Mark mark) { return mark == Mark::kPoints || mark == Mark::kLineAndPoints; }

std::vector<ChartPoint> PointsWithin(const ChartSeries& series, const Plot& plot) {
  std::vector<ChartPoint> points;
  std::copy_if(series.points.begin(), series.points.end(), std::back_inserter(points),
               [&plot](const ChartPoint& point) { return plot.Holds(point.x, point.y); });
  return points;
}

std::string DrawPath(const std::vector<ChartPoint>& points, const Plot& plot) {
  std::string path;
  for (const ChartPoint& point : points) {
    absl::StrAppend(&path, path.empty() ? "M" : "L", Number(plot.X(point.x)), " ", Number(plot.Y(point.y)));
  }
  return path.empty() ? "" : absl::StrCat("<path class=\"line\" d=\"", path, "\"/>\n");
}

// Ends at the edge of the plot.
std::string DrawWhisker(const ChartPoint& point, const Plot& plot) {
  const auto x = [&plot](double value) { return std::clamp(plot.X(value), plot.left, plot.right()); };
  const auto y = [&plot](double value) { return std::clamp(plot.Y(value), plot.top, plot.bottom()); };
  std::string drawn;
  if (point.x_spread > 0 && std::isfinite(point.x_spread)) {
    drawn += Line("whisker", x(point.x - point.x_spread), y(point.y), x(point.x + point.x_spread), y(point.y));
  }
  if (point.y_spread > 0 && std::isfinite(point.y_spread)) {
    drawn += Line("whisker", x(point.x), y(point.y - point.y_spread), x(point.x), y(point.y + point.y_spread));
  }
  return drawn;
}

std::string DrawMarker(const ChartSeries& series, size_t index, const ChartPoint& point, const Plot& plot) {
  const std::string value =
      absl::StrCat(series.name, series.name.empty() ? "" : ": ", absl::StrFormat("%.4g, %.4g", point.x, point.y));
  return absl::StrCat("<g>", Marker(index, plot.X(point.x), plot.Y(point.y)), "<title>", EscapeHtml(value),
                      "</title></g>\n");
}

std::string DrawDot(const ChartPoint& point, const Plot& plot) {
  return absl::StrCat("<circle cx=\"", Number(plot.X(point.x)), "\" cy=\"", Number(plot.Y(point.y)), "\" r=\"2\"/>\n");
}

// The bar of series `index` of `count`: its share of the width around x.
std::string DrawBar(const Chart& chart, size_t index, const ChartPoint& point, const Plot& plot) {
  const double share = chart.bar_width / static_cast<double>(chart.series.size());
  const double start = plot.X(point.x - chart.bar_width / 2 + share * static_cast<double>(index));
  const double end = plot.X(point.x - chart.bar_width / 2 + share * static_cast<double>(index + 1));
  const double top = plot.Y(point.y);
  return absl::StrCat(
      "<rect class=\"bar\" x=\"", Number(start), "\" y=\"", Number(top), "\" width=\"",
      Number(std::max(end - start - 1, 1.0)), "\" height=\"", Number(std::max(plot.Y(0) - top, 0.0)), "\"><title>",
      EscapeHtml(absl::StrFormat("%s %.4g: %.4g", chart.series[index].name, point.x, point.y)), "</title></rect>\n");
}

std::string DrawSeries(const Chart& chart, size_t index, const Plot& plot) {
  const ChartSeries& series = chart.series[index];
  const std::vector<ChartPoint> points = PointsWithin(series, plot);
  std::string drawn = absl::StrCat("<g class=\"series s", index, series.mark == Mark::kCloud ? " cloud" : "", "\">\n");
  if (HasLine(series.mark)) drawn += DrawPath(points, plot);
  for (const ChartPoint& point : points) {
    drawn += DrawWhisker(point, plot);
    if (HasMarkers(series.mark)) drawn += DrawMarker(series, index, point, plot);
    if (series.mark == Mark::kCloud) drawn += DrawDot(point, plot);
    if (series.mark == Mark::kBars) drawn += DrawBar(chart, index, point, plot);
  }
  return drawn + "</g>\n";
}

std::string DrawXAxis(const Chart& chart, const Plot& plot) {
  std::string drawn;
  for (const double tick : chart.x.ticks) {
    drawn += Line("grid", plot.X(tick), plot.top, plot.X(tick), plot.bottom());
    drawn += Label("tick middle", plot.X(tick), plot.bottom() + 17, FormatTick(tick));
  }
  drawn += Line("axis", plot.left, plot.bottom(), plot.right(), plot.bottom());
  drawn += Label("name middle", plot.left + plot.width / 2, plot.bottom() + 38, chart.x.label);
  return drawn;
}

std::string DrawYAxis(const Chart& chart, const Plot& plot) {
  std::string drawn;
  for (const double tick : chart.y.ticks) {
    drawn += Line("grid", plot.left, plot.Y(tick), plot.right(), plot.Y(tick));
    drawn += Label("tick end", plot.left - 7, plot.Y(tick) + 4, FormatTick(tick));
  }
  const double middle = plot.top + plot.height / 2;
  absl::StrAppend(&drawn, "<text class=\"name middle\" transform=\"translate(13 ", Number(middle), ") rotate(-90)\">",
                  EscapeHtml(chart.y.label), "</text>\n");
  return drawn;
}

std::string DrawCategories(const Chart& chart, const Plot& plot) {
  std::string drawn;
  for (size_t i = 0; i < chart.categories.size(); ++i) {
    const double y = plot.Y(static_cast<double>(i));
    drawn += Line("grid", plot.left, y, plot.right(), y);
    drawn += Label("tick", plot.left, y - 10, chart.categories[i]);
  }
  return drawn;
}

std::string DrawGuides(const Chart& chart, const Plot& plot) {
  std::string drawn;
  for (const double x : chart.x_guides) {
    if (plot.Holds(x, chart.y.least)) drawn += Line("guide", plot.X(x), plot.top, plot.X(x), plot.bottom());
  }
  for (const double y : chart.y_guides) {
    if (plot.Holds(chart.x.least, y)) drawn += Line("guide", plot.left, plot.Y(y), plot.right(), plot.Y(y));
  }
  return drawn;
}

// Names at the ends of lines serve where all are short.
bool HasEndLabels(const Chart& chart) {
  return chart.series.size() > 1 &&
         std::all_of(chart.series.begin(), chart.series.end(), [](const ChartSeries& series) {
           return HasLine(series.mark) && series.name.size() <= kLongestEndLabel;
         });
}

double EndLabelWidth(const Chart& chart) {
  size_t longest = 0;
  for (const ChartSeries& series : chart.series) longest = std::max(longest, series.name.size());
  return kCharacter * static_cast<double>(longest) + 4;
}

// From the top down, each at its line's end or as far below as the one above it needs.
std::string DrawEndLabels(const Chart& chart, const Plot& plot) {
  std::vector<std::pair<double, size_t>> ends;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const std::vector<ChartPoint> points = PointsWithin(chart.series[i], plot);
    if (!points.empty()) ends.emplace_back(plot.Y(points.back().y), i);
  }
  std::sort(ends.begin(), ends.end());
  // What would end below the plot moves up, and with it all that it meets.
  double lowest = plot.bottom();
  for (auto end = ends.rbegin(); end != ends.rend(); ++end, lowest -= kLineHeight) {
    end->first = std::min(end->first, lowest);
  }
  std::string drawn;
  double highest = plot.top;
  for (const auto& [y, index] : ends) {
    const double at = std::max(y, highest);
    drawn += Label(absl::StrCat("series s", index, " end-label"), plot.right() + 6, at + 4, chart.series[index].name);
    highest = at + kLineHeight;
  }
  return drawn;
}

std::string DrawLegend(const Chart& chart) {
  if (chart.series.size() < 2) return "";
  std::string drawn = "<ul class=\"legend\">\n";
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const Mark mark = chart.series[i].mark;
    absl::StrAppend(&drawn, "<li><svg class=\"swatch\" viewBox=\"0 0 30 14\" aria-hidden=\"true\"><g class=\"series s",
                    i, "\">");
    if (HasLine(mark)) drawn += Line("line", 1, 7, 29, 7);
    if (HasMarkers(mark)) drawn += Marker(i, 15, 7);
    if (mark == Mark::kBars) drawn += "<rect class=\"bar\" x=\"8\" y=\"1\" width=\"14\" height=\"12\"/>";
    absl::StrAppend(&drawn, "</g></svg>", EscapeHtml(chart.series[i].name), "</li>\n");
  }
  return drawn + "</ul>\n";
}

Plot PlotOf(const Chart& chart, double height) {
  Plot plot;
  plot.x_axis = &chart.x;
  plot.y_axis = &chart.y;
  if (!chart.categories.empty()) plot.left = kRight;
  plot.width = kWidth - plot.left - (HasEndLabels(chart) ? EndLabelWidth(chart) + kRight / 2 : kRight);
  plot.height = height - plot.top - kBottom;
  return plot;
}

// Categories go down the page: row i of n lies at i, with room above for its name.
ChartAxis CategoryAxis(size_t count) {
  ChartAxis axis;
  axis.least = static_cast<double>(count) - 0.5;
  axis.most = -0.7;
  return axis;
}

}  // namespace

std::string DrawChart(const Chart& given) {
  Chart chart = given;
  double height = kHeight;
  if (!chart.categories.empty()) {
    chart.y = CategoryAxis(chart.categories.size());
    height = kTop + kBottom + kCategoryHeight * static_cast<double>(chart.categories.size());
  }
  const Plot plot = PlotOf(chart, height);
  std::string drawn = absl::StrCat("<div class=\"chart\">\n<h4>", EscapeHtml(chart.title), "</h4>\n", DrawLegend(chart),
                                   "<svg class=\"plot\" viewBox=\"0 0 ", kWidth, " ", height,
                                   "\" role=\"img\" aria-label=\"", EscapeHtml(chart.title), "\">\n");
  drawn += DrawXAxis(chart, plot);
  drawn += chart.categories.empty() ? DrawYAxis(chart, plot) : DrawCategories(chart, plot);
  drawn += DrawGuides(chart, plot);
  for (size_t i = 0; i < chart.series.size(); ++i) drawn += DrawSeries(chart, i, plot);
  if (HasEndLabels(chart)) drawn += DrawEndLabels(chart, plot);
  return drawn + "</svg>\n</div>\n";
}

}  // namespace seedbed
