#include "server/results/report/latent_figures.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/number_words.h"

namespace seedbed {
namespace {

constexpr int kDecimals = 4;
constexpr int kMostDots = 12'000;        // On the page.
constexpr int kMostDotsOfAPair = 1'000;  // As many as a pair's sample has.
constexpr int kHistogramBins = 20;       // Of FunctionalAgreement.histogram, over [-1, 1].
constexpr double kBinWidth = 2.0 / kHistogramBins;
constexpr auto kText = HtmlTable::Kind::kText;

using Mark = ChartSeries::Mark;

int SampleSize(const v1::PairAgreement& pair) {
  return std::min(pair.sample_decoder_cosines_size(), pair.sample_encoder_cosines_size());
}

const v1::PairAgreement* SampledPair(const ReportSet& set) {
  for (const v1::PairAgreement& pair : set.agreement->pairs()) {
    if (SampleSize(pair) > 0) return &pair;
  }
  return nullptr;
}

// At most `most` of the sample, evenly spaced.
std::vector<ChartPoint> SamplePoints(const v1::PairAgreement& pair, int most) {
  const int count = std::min(SampleSize(pair), most);
  std::vector<ChartPoint> points;
  for (int i = 0; i < count; ++i) {
    const int at = static_cast<int>(static_cast<int64_t>(i) * SampleSize(pair) / count);
    points.push_back({pair.sample_decoder_cosines(at), pair.sample_encoder_cosines(at)});
  }
  return points;
}

// From the smallest cosine, to a tenth and at most 0, to 1.
ChartAxis CosineAxis(const std::string& label, double smallest) {
  return LinearAxis(label, std::isfinite(smallest) ? std::min(0.0, std::floor(smallest * 10) / 10) : 0, 1);
}

Chart CosineChart(const ReportSet& set, const v1::PairAgreement& pair, std::vector<ChartPoint> points) {
  double smallest_x = 0, smallest_y = 0;
  for (const ChartPoint& point : points) {
    smallest_x = std::min(smallest_x, point.x);
    smallest_y = std::min(smallest_y, point.y);
  }
  Chart chart;
  chart.title = absl::StrCat(set.short_name, ": seeds ", PairName(*set.agreement, pair));
  chart.x = CosineAxis("decoder cosine", smallest_x);
  chart.y = CosineAxis("encoder cosine", smallest_y);
  chart.x_guides = {set.agreement->threshold()};
  chart.y_guides = {set.agreement->threshold()};
  chart.series = {{"", Mark::kCloud, std::move(points)}};
  return chart;
}

// Sums over dictionaries, and how many have that decile.
struct DecileSum {
  int dictionaries = 0;
  double latents = 0, least = 0, largest = 0, strict = 0, aligned = 0;
};

std::vector<DecileSum> SumDeciles(const ReportSet& set) {
  std::vector<DecileSum> sums;
  for (const v1::PairAgreement& pair : set.agreement->pairs()) {
    for (const auto* deciles : {&pair.deciles_a(), &pair.deciles_b()}) {
      if (static_cast<int>(sums.size()) < deciles->size()) sums.resize(deciles->size());
      for (int i = 0; i < deciles->size(); ++i) {
        const v1::FrequencyDecile& decile = (*deciles)[i];
        if (decile.latents() == 0) continue;
        DecileSum& sum = sums[i];
        ++sum.dictionaries;
        sum.latents += static_cast<double>(decile.latents());
        sum.least += decile.least_frequency();
        sum.largest += decile.largest_frequency();
        sum.strict += decile.shared_strict();
        sum.aligned += decile.shared_aligned();
      }
    }
  }
  return sums;
}

void AddDeciles(const ReportSet& set, HtmlTable& table, ChartSeries& series) {
  const std::vector<DecileSum> sums = SumDeciles(set);
  for (size_t i = 0; i < sums.size(); ++i) {
    const DecileSum& sum = sums[i];
    if (sum.dictionaries == 0) continue;
    series.points.push_back({static_cast<double>(i + 1), sum.strict / sum.dictionaries});
    table.AddRow({set.short_name, absl::StrCat(i + 1), FormatFixed(sum.latents / sum.dictionaries, 1),
                  absl::StrFormat("%.3g", sum.least / sum.dictionaries),
                  absl::StrFormat("%.3g", sum.largest / sum.dictionaries),
                  FormatFixed(sum.strict / sum.dictionaries, kDecimals),
                  FormatFixed(sum.aligned / sum.dictionaries, kDecimals)});
  }
}

// Over all pairs; empty where none has a histogram.
std::vector<int64_t> SumHistograms(const ReportSet& set) {
  std::vector<int64_t> sum;
  for (const v1::PairAgreement& pair : set.agreement->pairs()) {
    if (pair.functional().histogram_size() != kHistogramBins) continue;
    sum.resize(kHistogramBins);
    for (int i = 0; i < kHistogramBins; ++i) sum[i] += pair.functional().histogram(i);
  }
  return sum;
}

double BinStart(size_t bin) { return -1 + kBinWidth * static_cast<double>(bin); }

Chart CorrelationChart(const ReportSet& set, const std::vector<int64_t>& histogram, double total) {
  Chart chart;
  chart.title = set.short_name;
  chart.bar_width = kBinWidth;
  chart.x = LinearAxis("correlation of activations", -1, 1);
  chart.series = {{"", Mark::kBars, {}}};
  double largest = 0;
  for (size_t bin = 0; bin < histogram.size(); ++bin) {
    const double fraction = static_cast<double>(histogram[bin]) / total;
    largest = std::max(largest, fraction);
    chart.series[0].points.push_back({BinStart(bin) + kBinWidth / 2, fraction});
  }
  chart.y = LinearAxis("fraction of latents", 0, largest * 1.05);
  return chart;
}

}  // namespace

ReportFigure CosineFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "cosines";
  figure.title = "Encoder against decoder cosine";
  std::vector<std::pair<const ReportSet*, const v1::PairAgreement*>> shown;
  for (const ReportSet& set : sets) {
    if (const v1::PairAgreement* pair = SampledPair(set); pair != nullptr) shown.emplace_back(&set, pair);
  }
  if (shown.empty()) {
    figure.omission = "no pair has a sample of matched cosines";
    return figure;
  }
  const int most = std::max(1, std::min(kMostDotsOfAPair, kMostDots / static_cast<int>(shown.size())));
  figure.definition = absl::StrCat(
      "Matched cosines on both sides of at most ", FormatCount(most),
      " latents, evenly spaced over the first dictionary, of one pair of each sibling set; each side has its own "
      "matching. The dotted lines are the sweep's threshold.");
  figure.table = HtmlTable({{"sibling set", kText}, {"seeds", kText}, {"decoder cosine"}, {"encoder cosine"}});
  for (const auto& [set, pair] : shown) {
    std::vector<ChartPoint> points = SamplePoints(*pair, most);
    for (const ChartPoint& point : points) {
      figure.table.AddRow({set->short_name, PairName(*set->agreement, *pair), FormatFixed(point.x, kDecimals),
                           FormatFixed(point.y, kDecimals)});
    }
    figure.charts.push_back(CosineChart(*set, *pair, std::move(points)));
  }
  return figure;
}

ReportFigure FrequencyFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "frequency";
  figure.title = "Shared fraction by firing frequency";
  figure.definition =
      "The latents of a dictionary that fire on held-out tokens, in tenths from the rarest to the most frequent: the "
      "fraction of each tenth that is strictly shared at the sweep's threshold, mean over both dictionaries of all "
      "pairs.";
  figure.table = HtmlTable({{"sibling set", kText},
                            {"tenth"},
                            {"latents, mean"},
                            {"least frequency"},
                            {"largest frequency"},
                            {"strict"},
                            {"aligned"}});
  std::vector<ChartSeries> series;
  for (const ReportSet& set : sets) {
    ChartSeries line = {set.short_name, Mark::kLineAndPoints, {}};
    AddDeciles(set, figure.table, line);
    if (!line.points.empty()) series.push_back(std::move(line));
  }
  if (series.empty())
    figure.omission = "no firing frequencies are known: the runs were not evaluated on held-out tokens";
  for (size_t first = 0; first < series.size(); first += kMostChartSeries) {
    const size_t end = std::min(series.size(), first + kMostChartSeries);
    Chart chart;
    chart.title = series.size() <= kMostChartSeries ? (series.size() == 1 ? series[0].name : "all sibling sets")
                                                    : absl::StrCat(first + 1, " to ", end, " of ", series.size());
    chart.x = WholeAxis("tenth of latents, rarest first", 1, 10);
    chart.y = FractionAxis("shared fraction, strict");
    chart.series.assign(series.begin() + static_cast<int64_t>(first), series.begin() + static_cast<int64_t>(end));
    figure.charts.push_back(std::move(chart));
  }
  return figure;
}

ReportFigure CorrelationFigure(const std::vector<ReportSet>& sets) {
  ReportFigure figure;
  figure.id = "correlation";
  figure.title = "Correlation of matched latents' activations";
  figure.definition =
      "Pearson correlation of the activations of latents that are matched by decoder rows, on the same held-out rows, "
      "over all pairs of a sibling set. Only latents of which both fire there, and not always alike, have one.";
  figure.table = HtmlTable({{"sibling set", kText}, {"from"}, {"to"}, {"latents"}, {"fraction"}});
  for (const ReportSet& set : sets) {
    const std::vector<int64_t> histogram = SumHistograms(set);
    const double total = static_cast<double>(std::accumulate(histogram.begin(), histogram.end(), int64_t{0}));
    if (total == 0) continue;
    for (size_t bin = 0; bin < histogram.size(); ++bin) {
      figure.table.AddRow({set.short_name, FormatFixed(BinStart(bin), 1), FormatFixed(BinStart(bin + 1), 1),
                           FormatCount(histogram[bin]),
                           FormatFixed(static_cast<double>(histogram[bin]) / total, kDecimals)});
    }
    figure.charts.push_back(CorrelationChart(set, histogram, total));
  }
  if (figure.charts.empty()) figure.omission = "no pair was compared on held-out rows";
  return figure;
}

}  // namespace seedbed
