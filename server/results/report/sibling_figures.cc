#include "server/results/report/sibling_figures.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/number_words.h"

namespace seedbed {
namespace {

constexpr int kFewestSeeds = 3;
constexpr int kDecimals = 4;
constexpr double kBarWidth = 0.8;
constexpr char kTooFewSeeds[] = "no sibling set has three seeds or more";
constexpr auto kText = HtmlTable::Kind::kText;

// Charts of as many sets as one can hold, each set a series of its short name.
std::vector<Chart> ChartsOf(const std::vector<const ReportSet*>& sets, const Chart& frame, ChartSeries::Mark mark,
                            const std::function<std::vector<ChartPoint>(const ReportSet&)>& points) {
  std::vector<Chart> charts;
  for (size_t first = 0; first < sets.size(); first += kMostChartSeries) {
    const size_t end = std::min(sets.size(), first + kMostChartSeries);
    Chart chart = frame;
    chart.title = sets.size() == 1                  ? sets[0]->name
                  : sets.size() <= kMostChartSeries ? "all sibling sets"
                                                    : absl::StrCat(first + 1, " to ", end, " of ", sets.size());
    for (size_t i = first; i < end; ++i) chart.series.push_back({sets[i]->short_name, mark, points(*sets[i])});
    charts.push_back(std::move(chart));
  }
  return charts;
}

// As fractions of all latents: 1 in one dictionary only, ..., S in all.
std::vector<ChartPoint> SharingPoints(const ReportSet& set) {
  const auto& counts = set.summary().sharing_counts();
  const double latents = std::accumulate(counts.begin(), counts.end(), 0.0);
  std::vector<ChartPoint> points;
  for (int m = 0; m < counts.size(); ++m) points.push_back({m + 1.0, counts[m] / latents});
  return points;
}

std::vector<ChartPoint> UniquePoints(const ReportSet& set) {
  const v1::AgreementSummary& summary = set.summary();
  std::vector<ChartPoint> points;
  for (int s = 0; s < summary.unique_fraction_by_seeds_size(); ++s) {
    const double sd = s < summary.unique_fraction_sd_size() ? summary.unique_fraction_sd(s) : 0;
    points.push_back({s + 1.0, summary.unique_fraction_by_seeds(s), 0, sd});
  }
  return points;
}

template <typename Size>
std::vector<const ReportSet*> SetsWith(const std::vector<ReportSet>& sets, Size size) {
  std::vector<const ReportSet*> found;
  for (const ReportSet& set : sets) {
    if (size(set) >= kFewestSeeds) found.push_back(&set);
  }
  return found;
}

template <typename Size>
int Largest(const std::vector<const ReportSet*>& sets, Size size) {
  int largest = 0;
  for (const ReportSet* set : sets) largest = std::max(largest, size(*set));
  return largest;
}

}  // namespace

ReportFigure SharingFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "sharing";
  figure.title = "In how many dictionaries a latent is found";
  figure.definition =
      "Fraction of a dictionary's latents that are found in exactly m of the S dictionaries of its sibling set, "
      "itself counted; found means strictly shared in that pair's matching. Mean over the dictionaries.";
  const auto size = [](const ReportSet& set) { return set.summary().sharing_counts_size(); };
  const std::vector<const ReportSet*> shown = SetsWith(sets, size);
  if (shown.empty()) {
    figure.omission = kTooFewSeeds;
    return figure;
  }
  Chart frame;
  frame.x = WholeAxis("m, of S dictionaries", 1, Largest(shown, size));
  frame.y = FractionAxis("fraction of latents");
  frame.bar_width = kBarWidth;
  figure.charts = ChartsOf(shown, frame, ChartSeries::Mark::kBars, SharingPoints);
  figure.table = HtmlTable({{"sibling set", kText}, {"m"}, {"of S"}, {"latents, mean"}, {"fraction"}});
  for (const ReportSet* set : shown) {
    for (const ChartPoint& point : SharingPoints(*set)) {
      const int m = static_cast<int>(point.x);
      figure.table.AddRow({set->short_name, absl::StrCat(m), absl::StrCat(size(*set)),
                           FormatFixed(set->summary().sharing_counts(m - 1), 1), FormatFixed(point.y, kDecimals)});
    }
  }
  return figure;
}

ReportFigure UniqueFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "unique";
  figure.title = "Found in one dictionary only, as seeds are added";
  figure.definition =
      "Fraction of a dictionary's latents that are strictly shared with none of the others among s of the S "
      "dictionaries: mean over all subsets of s dictionaries and the dictionaries in each, whiskers one standard "
      "deviation over them.";
  const auto size = [](const ReportSet& set) { return set.summary().unique_fraction_by_seeds_size(); };
  const std::vector<const ReportSet*> shown = SetsWith(sets, size);
  if (shown.empty()) {
    figure.omission = kTooFewSeeds;
    return figure;
  }
  Chart frame;
  frame.x = WholeAxis("s, dictionaries compared", 1, Largest(shown, size));
  frame.y = FractionAxis("fraction of latents");
  figure.charts = ChartsOf(shown, frame, ChartSeries::Mark::kLineAndPoints, UniquePoints);
  figure.table = HtmlTable({{"sibling set", kText}, {"s"}, {"fraction, mean"}, {"sd"}});
  for (const ReportSet* set : shown) {
    for (const ChartPoint& point : UniquePoints(*set)) {
      figure.table.AddRow({set->short_name, FormatTick(point.x), FormatFixed(point.y, kDecimals),
                           FormatFixed(point.y_spread, kDecimals)});
    }
  }
  return figure;
}

}  // namespace seedbed
