#include "server/results/report/shared_figures.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/number_words.h"

namespace seedbed {
namespace {

constexpr int kDecimals = 4;
constexpr char kSharedFraction[] = "shared fraction";
constexpr auto kText = HtmlTable::Kind::kText;

using Mark = ChartSeries::Mark;

// What one line shows.
struct SharedLine {
  std::string name;
  std::vector<ChartPoint> strict;
  std::vector<ChartPoint> aligned;
};

// One line alone: both variants in one chart. Otherwise a chart a variant, and further ones for more lines than one
// chart has.
std::vector<Chart> SharedCharts(const std::vector<SharedLine>& lines, const ChartAxis& x, Mark mark,
                                const std::vector<double>& x_guides = {}) {
  Chart frame;
  frame.x = x;
  frame.y = FractionAxis(kSharedFraction);
  frame.x_guides = x_guides;
  if (lines.size() == 1) {
    frame.title = lines[0].name;
    frame.series = {{"strict", mark, lines[0].strict}, {"aligned", mark, lines[0].aligned}};
    return {frame};
  }
  std::vector<Chart> charts;
  for (size_t first = 0; first < lines.size(); first += kMostChartSeries) {
    const size_t end = std::min(lines.size(), first + kMostChartSeries);
    Chart strict = frame;
    Chart aligned = frame;
    const std::string part =
        lines.size() <= kMostChartSeries ? "" : absl::StrCat(", ", first + 1, " to ", end, " of ", lines.size());
    strict.title = absl::StrCat("strict", part);
    aligned.title = absl::StrCat("aligned", part);
    for (size_t i = first; i < end; ++i) {
      strict.series.push_back({lines[i].name, mark, lines[i].strict});
      aligned.series.push_back({lines[i].name, mark, lines[i].aligned});
    }
    charts.push_back(std::move(strict));
    charts.push_back(std::move(aligned));
  }
  return charts;
}

// Mean over the set's pairs at each threshold that all of them have.
SharedLine ThresholdLine(const ReportSet& set) {
  struct Sum {
    int pairs = 0;
    double strict = 0, aligned = 0;
  };
  std::map<double, Sum> sums;
  for (const v1::PairAgreement& pair : set.agreement->pairs()) {
    for (const v1::CurvePoint& point : pair.curve()) {
      Sum& sum = sums[point.threshold()];
      ++sum.pairs;
      sum.strict += point.strict();
      sum.aligned += point.aligned();
    }
  }
  SharedLine line;
  line.name = set.short_name;
  for (const auto& [threshold, sum] : sums) {
    if (sum.pairs != set.agreement->pairs_size()) continue;
    line.strict.push_back({threshold, sum.strict / sum.pairs});
    line.aligned.push_back({threshold, sum.aligned / sum.pairs});
  }
  return line;
}

HtmlTable ThresholdTable(const std::vector<SharedLine>& lines) {
  HtmlTable table({{"sibling set", kText}, {"threshold"}, {"strict"}, {"aligned"}});
  for (const SharedLine& line : lines) {
    for (size_t i = 0; i < line.strict.size(); ++i) {
      table.AddRow({line.name, FormatFixed(line.strict[i].x, 2), FormatFixed(line.strict[i].y, kDecimals),
                    FormatFixed(line.aligned[i].y, kDecimals)});
    }
  }
  return table;
}

std::vector<double> Thresholds(const std::vector<ReportSet>& sets) {
  std::set<double> thresholds;
  for (const ReportSet& set : sets) thresholds.insert(set.agreement->threshold());
  return {thresholds.begin(), thresholds.end()};
}

ChartPoint SharedPoint(double x, const v1::Statistic& shared) { return {x, shared.mean(), 0, shared.sd()}; }

bool HasShared(const ReportSet& set) { return set.summary().has_shared_strict() && set.summary().has_shared_aligned(); }

using NameParts = std::vector<std::string>;

// What tells each line from the others; all parts of a line that is alone.
std::vector<std::string> ShortNames(const std::vector<NameParts>& names) {
  std::vector<std::string> short_names;
  for (const NameParts& name : names) {
    NameParts kept;
    for (size_t i = 0; i < name.size(); ++i) {
      const bool varies =
          std::any_of(names.begin(), names.end(), [&](const NameParts& other) { return other[i] != name[i]; });
      if ((varies || names.size() == 1) && !name[i].empty()) kept.push_back(name[i]);
    }
    short_names.push_back(absl::StrJoin(kept, ", "));
  }
  return short_names;
}

SharedLine LineOf(const std::multimap<double, const ReportSet*>& sets) {
  SharedLine line;
  for (const auto& [at, set] : sets) {
    line.strict.push_back(SharedPoint(at, set->summary().shared_strict()));
    line.aligned.push_back(SharedPoint(at, set->summary().shared_aligned()));
  }
  return line;
}

// Lines over sets that are alike in `name`, in the order of `place` within each; those of one place alone are left out.
// All names have as many parts.
std::vector<SharedLine> LinesBy(const std::vector<ReportSet>& sets,
                                const std::function<NameParts(const ReportSet&)>& name,
                                const std::function<std::optional<double>(const ReportSet&)>& place) {
  std::vector<NameParts> groups;  // In the order in which they come.
  std::map<NameParts, std::multimap<double, const ReportSet*>> members;
  for (const ReportSet& set : sets) {
    const std::optional<double> at = place(set);
    if (!at.has_value() || !HasShared(set)) continue;
    if (members.count(name(set)) == 0) groups.push_back(name(set));
    members[name(set)].emplace(*at, &set);
  }
  groups.erase(std::remove_if(groups.begin(), groups.end(),
                              [&](const NameParts& group) {
                                return members[group].begin()->first == members[group].rbegin()->first;
                              }),
               groups.end());
  const std::vector<std::string> short_names = ShortNames(groups);
  std::vector<SharedLine> lines;
  for (size_t i = 0; i < groups.size(); ++i) {
    lines.push_back(LineOf(members[groups[i]]));
    lines.back().name = short_names[i];
  }
  return lines;
}

std::vector<double> PlacesOf(const std::vector<SharedLine>& lines) {
  std::vector<double> places;
  for (const SharedLine& line : lines) {
    for (const ChartPoint& point : line.strict) places.push_back(point.x);
  }
  return places;
}

// Ticks at the layers that there are, as long as they are few.
ChartAxis LayerAxis(const std::vector<SharedLine>& lines) {
  std::set<double> layers;
  for (const SharedLine& line : lines) {
    for (const ChartPoint& point : line.strict) layers.insert(point.x);
  }
  ChartAxis axis = WholeAxis("layer", static_cast<int>(*layers.begin()), static_cast<int>(*layers.rbegin()));
  if (layers.size() <= axis.ticks.size()) axis.ticks.assign(layers.begin(), layers.end());
  return axis;
}

HtmlTable SharedTable(const std::vector<ReportSet>& sets) {
  HtmlTable table({{"hookpoint", kText},
                   {"architecture", kText},
                   {"latents"},
                   {"sparsity", kText},
                   {"tokens"},
                   {"strict, mean ± sd"},
                   {"aligned, mean ± sd"}});
  for (const ReportSet& set : sets) {
    table.AddRow({set.hookpoint, set.architecture, FormatCount(set.latents), set.sparsity,
                  set.trained_tokens > 0 ? FormatCount(set.trained_tokens) : "-",
                  FormatStatistic(set.summary().has_shared_strict(), set.summary().shared_strict()),
                  FormatStatistic(set.summary().has_shared_aligned(), set.summary().shared_aligned())});
  }
  return table;
}

// A place in a model that names like "layers.9" and "layers.9.mlp" stand for.
struct LayerSite {
  int layer = 0;
  std::string site;  // "layers.*" or "layers.*.mlp"
};

std::optional<LayerSite> ParseLayerSite(absl::string_view hookpoint) {
  absl::string_view rest = hookpoint;
  if (!absl::ConsumePrefix(&rest, "layers.")) return std::nullopt;
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  LayerSite found;
  if (!absl::SimpleAtoi(rest.substr(0, digits), &found.layer)) return std::nullopt;
  if (digits < rest.size() && rest[digits] != '.') return std::nullopt;
  found.site = absl::StrCat("layers.*", rest.substr(digits));
  return found;
}

ChartPoint RowPoint(size_t row, const v1::Statistic& shared) {
  return {shared.mean(), static_cast<double>(row), shared.sd(), 0};
}

std::string AndTokens(const ReportSet& set) { return set.tokens.empty() ? "" : absl::StrCat(", ", set.tokens); }

// A row a set.
Chart RowsChart(const std::string& title, const std::vector<const ReportSet*>& sets,
                const std::function<std::string(const ReportSet&)>& name) {
  Chart chart;
  chart.title = title;
  chart.x = FractionAxis(kSharedFraction);
  chart.series = {{"strict", Mark::kPoints, {}}, {"aligned", Mark::kPoints, {}}};
  for (const ReportSet* set : sets) {
    const size_t row = chart.categories.size();
    chart.categories.push_back(name(*set));
    chart.series[0].points.push_back(RowPoint(row, set->summary().shared_strict()));
    chart.series[1].points.push_back(RowPoint(row, set->summary().shared_aligned()));
  }
  return chart;
}

// Charts of the sets that are alike in all but `member`, where they have two values of it.
std::vector<Chart> RowsCharts(const std::vector<ReportSet>& sets, std::string ReportSet::*member,
                              const std::function<std::string(const ReportSet&)>& alike,
                              const std::function<std::string(const ReportSet&)>& name) {
  std::map<std::string, std::vector<const ReportSet*>> groups;
  for (const ReportSet& set : sets) {
    if (HasShared(set)) groups[alike(set)].push_back(&set);
  }
  std::vector<Chart> charts;
  for (const auto& [title, members] : groups) {
    const std::string& first = members[0]->*member;
    const bool varies =
        std::any_of(members.begin(), members.end(), [&](const ReportSet* set) { return set->*member != first; });
    if (varies) charts.push_back(RowsChart(title, members, name));
  }
  return charts;
}

}  // namespace

ReportFigure ThresholdFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "threshold";
  figure.title = "Shared fraction against threshold";
  figure.definition =
      "Strict: the fraction of latents whose counterpart in the other dictionary is the same on decoder and encoder "
      "rows and whose two cosines are at or above the threshold. Aligned: both cosines are above it, whatever the "
      "counterparts. Mean over the pairs of a sibling set; the dotted line is the sweep's threshold.";
  std::vector<SharedLine> lines;
  for (const ReportSet& set : sets) {
    SharedLine line = ThresholdLine(set);
    if (!line.strict.empty()) lines.push_back(std::move(line));
  }
  if (lines.empty()) {
    figure.omission = "no sibling set has a curve over thresholds";
    return figure;
  }
  figure.charts = SharedCharts(lines, FractionAxis("threshold (cosine)"), Mark::kLine, Thresholds(sets));
  figure.table = ThresholdTable(lines);
  return figure;
}

ReportFigure WidthFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "width";
  figure.title = "Shared fraction against width";
  figure.definition =
      "The shared fraction at the sweep's threshold, mean over pairs, whiskers one standard deviation. A line joins "
      "sibling sets that are equal in hookpoint, architecture and sparsity; the axis is logarithmic.";
  const std::vector<SharedLine> lines = LinesBy(
      sets,
      [](const ReportSet& set) {
        return NameParts{set.hookpoint, set.architecture, set.sparsity, set.tokens};
      },
      [](const ReportSet& set) {
        return set.latents > 0 ? std::optional<double>(static_cast<double>(set.latents)) : std::nullopt;
      });
  if (lines.empty()) {
    figure.omission = "the sweep has one width only at each hookpoint, architecture and sparsity";
    return figure;
  }
  figure.charts = SharedCharts(lines, LogarithmicAxis("latents", PlacesOf(lines)), Mark::kLineAndPoints);
  figure.table = SharedTable(sets);
  return figure;
}

ReportFigure HookpointFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "hookpoint";
  figure.title = "Shared fraction against layer and hookpoint";
  figure.definition =
      "The shared fraction at the sweep's threshold, mean over pairs, whiskers one standard deviation, of sibling "
      "sets that are equal in all but the hookpoint.";
  const std::vector<SharedLine> lines = LinesBy(
      sets,
      [](const ReportSet& set) {
        const std::optional<LayerSite> site = ParseLayerSite(set.hookpoint);
        return NameParts{site.has_value() ? site->site : "", set.architecture,
                         absl::StrCat(FormatCount(set.latents), " latents"), set.sparsity, set.tokens};
      },
      [](const ReportSet& set) -> std::optional<double> {
        const std::optional<LayerSite> site = ParseLayerSite(set.hookpoint);
        return site.has_value() ? std::optional<double>(site->layer) : std::nullopt;
      });
  if (!lines.empty()) {
    figure.charts = SharedCharts(lines, LayerAxis(lines), Mark::kLineAndPoints);
  } else {
    figure.charts = RowsCharts(
        sets, &ReportSet::hookpoint,
        [](const ReportSet& set) {
          return absl::StrCat(set.architecture, ", ", FormatCount(set.latents), " latents, ", set.sparsity,
                              AndTokens(set));
        },
        [](const ReportSet& set) { return set.hookpoint; });
  }
  if (figure.charts.empty()) {
    figure.omission = "the sweep has one hookpoint only for each architecture, width and sparsity";
  } else {
    figure.table = SharedTable(sets);
  }
  return figure;
}

ReportFigure ArchitectureFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "architecture";
  figure.title = "Shared fraction by architecture";
  figure.definition =
      "The shared fraction at the sweep's threshold, mean over pairs, whiskers one standard deviation. Architectures "
      "compare at the same number of active latents: k is that number where an architecture keeps k, L0 the one that "
      "its penalty is steered to; rows with another k or L0 differ in more than the architecture.";
  figure.charts = RowsCharts(
      sets, &ReportSet::architecture,
      [](const ReportSet& set) {
        return absl::StrCat(set.hookpoint, ", ", FormatCount(set.latents), " latents", AndTokens(set));
      },
      [](const ReportSet& set) { return absl::StrCat(set.architecture, ", ", set.sparsity); });
  if (figure.charts.empty()) {
    figure.omission = "the sweep has one architecture only at each hookpoint and width";
  } else {
    figure.table = SharedTable(sets);
  }
  return figure;
}

ReportFigure TokensFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "tokens";
  figure.title = "Shared fraction against training tokens";
  figure.definition =
      "The shared fraction at the threshold, mean over pairs, whiskers one standard deviation, against the rows that "
      "each dictionary was trained on, all epochs together. A line joins sibling sets that are equal in hookpoint, "
      "architecture, width and sparsity; the axis is logarithmic.";
  const std::vector<SharedLine> lines = LinesBy(
      sets,
      [](const ReportSet& set) {
        return NameParts{set.hookpoint, set.architecture, absl::StrCat(FormatCount(set.latents), " latents"),
                         set.sparsity};
      },
      [](const ReportSet& set) {
        return set.trained_tokens > 0 ? std::optional<double>(static_cast<double>(set.trained_tokens)) : std::nullopt;
      });
  if (lines.empty()) {
    figure.omission = "equal sets were trained on equally many tokens; a report of several sweeps may show others";
    return figure;
  }
  figure.charts = SharedCharts(lines, LogarithmicAxis("training tokens", PlacesOf(lines)), Mark::kLineAndPoints);
  figure.table = SharedTable(sets);
  return figure;
}

}  // namespace seedbed
