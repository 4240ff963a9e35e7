// The report as text: which figures there are, their numbers, and that no name becomes markup.
#include <limits>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/results/report/chart.h"
#include "server/results/report/chart_axis.h"
#include "server/results/report/html.h"
#include "server/results/report/latent_figures.h"
#include "server/results/report/report_page.h"
#include "server/results/report/report_set.h"
#include "server/results/report/shared_figures.h"
#include "server/results/report/sibling_figures.h"
#include "tests/server/results/report_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

v1::ListAgreementsResponse ResponseOf(const std::vector<v1::Agreement>& agreements) {
  v1::ListAgreementsResponse response;
  for (const v1::Agreement& agreement : agreements) *response.add_agreements() = agreement;
  return response;
}

std::string Render(const v1::ListAgreementsResponse& response) { return RenderReport({"s1"}, response, "1.2.3"); }

TEST(EscapeHtmlTest, LeavesNoMarkup) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\">'&amp;"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;");
  EXPECT_EQ(EscapeHtml("± é"), "± é");
}

TEST(RoundTicksTest, AreMultiplesOfOneTwoOrFive) {
  EXPECT_THAT(RoundTicks(0, 1, 5), ElementsAre(0, 0.2, 0.4, testing::DoubleEq(0.6), 0.8, 1));
  EXPECT_THAT(RoundTicks(-0.3, 1, 5), ElementsAre(testing::DoubleNear(0, 1e-12), 0.5, 1));
  EXPECT_THAT(RoundTicks(0, 12, 5), ElementsAre(0, 5, 10));
}

TEST(ChartAxisTest, PlacesValues) {
  EXPECT_EQ(FractionAxis("").Place(0.25), 0.25);
  const ChartAxis widths = LogarithmicAxis("latents", {8192, 512, 2048, 512});
  EXPECT_THAT(widths.ticks, ElementsAre(512, 2048, 8192));
  EXPECT_NEAR(widths.Place(2048), 0.5, 1e-12);
  EXPECT_EQ(LinearAxis("", 3, 3).most, 4);
  EXPECT_EQ(LinearAxis("", kNaN, kNaN).most, 1);
}

TEST(DrawChartTest, LeavesOutWhatIsNotFiniteOrOutside) {
  Chart chart;
  chart.x = FractionAxis("x");
  chart.y = FractionAxis("y");
  chart.series = {{"a", ChartSeries::Mark::kLineAndPoints, {{0, kNaN}, {0.5, 0.5, 0, kNaN}, {1, 7}}}};
  const std::string drawn = DrawChart(chart);
  EXPECT_EQ(Count(drawn, "class=\"marker\""), 1);
  EXPECT_THAT(drawn, Not(HasSubstr("nan")));
  EXPECT_THAT(drawn, Not(HasSubstr("legend"))) << "one series needs none";
}

TEST(DrawChartTest, PutsAPointWhereItsValuesAre) {
  Chart chart;
  chart.x = FractionAxis("x");
  chart.y = FractionAxis("y");
  chart.series = {{"a", ChartSeries::Mark::kCloud, {{0, 0}, {1, 1}}}};
  // The plot of 440 x 300: from 60 to 426 and from 12 to 254.
  EXPECT_THAT(DrawChart(chart), AllOf(HasSubstr("cx=\"60.0\" cy=\"254.0\""), HasSubstr("cx=\"426.0\" cy=\"12.0\"")));
}

TEST(DrawChartTest, WhiskersEndAtTheEdge) {
  Chart chart;
  chart.x = FractionAxis("x");
  chart.y = FractionAxis("y");
  chart.series = {{"a", ChartSeries::Mark::kPoints, {{0, 0.9, 0, 0.3}}}};
  EXPECT_THAT(DrawChart(chart), HasSubstr("class=\"whisker\" d=\"M60.0 108.8L60.0 12.0\""));
}

TEST(ReportSetsTest, ShortNamesSayWhatDiffers) {
  MadeUpSet wide;
  wide.latents = 2048;
  const auto response = ResponseOf({MadeUpAgreement("a", {}), MadeUpAgreement("b", wide)});
  const std::vector<ReportSet> sets = ReportSets(response);
  EXPECT_EQ(sets[0].name, "layers.9 topk, 512 latents, k 16");
  EXPECT_EQ(sets[0].short_name, "512 latents");
  EXPECT_EQ(sets[1].short_name, "2,048 latents");
}

TEST(ReportSetsTest, IdsTellApartWhatIsNamedAlike) {
  const auto response = ResponseOf({MadeUpAgreement("a", {}), MadeUpAgreement("b", {})});
  const std::vector<ReportSet> sets = ReportSets(response);
  EXPECT_EQ(sets[0].short_name, "layers.9 topk, 512 latents, k 16 (a)");
  EXPECT_EQ(sets[1].name, "layers.9 topk, 512 latents, k 16 (b)");
}

TEST(ThresholdFigureTest, IsTheMeanOverPairs) {
  v1::Agreement agreement = MadeUpAgreement("a", {});
  for (int i = 0; i < 3; ++i) agreement.mutable_pairs(i)->mutable_curve(14)->set_strict(0.1 * (i + 1));
  const auto response = ResponseOf({agreement});
  const ReportFigure figure = ThresholdFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  ASSERT_THAT(figure.charts[0].series, SizeIs(2));
  EXPECT_NEAR(figure.charts[0].series[0].points[14].y, 0.2, 1e-12);
  EXPECT_THAT(figure.charts[0].x_guides, ElementsAre(0.7));
  EXPECT_THAT(figure.table.ToHtml(), HasSubstr("<td>0.70</td><td>0.2000</td><td>0.4600</td>"));
}

TEST(ThresholdFigureTest, ManySetsAreSeveralCharts) {
  std::vector<v1::Agreement> agreements;
  for (int i = 0; i < 8; ++i) {
    MadeUpSet set;
    set.latents = 100 + i;
    agreements.push_back(MadeUpAgreement(absl::StrCat(i), set));
  }
  const auto response = ResponseOf(agreements);
  const ReportFigure figure = ThresholdFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(4));
  EXPECT_EQ(figure.charts[0].title, "strict, 1 to 6 of 8");
  EXPECT_EQ(figure.charts[3].title, "aligned, 7 to 8 of 8");
  EXPECT_THAT(figure.charts[3].series, SizeIs(2));
}

TEST(WidthFigureTest, JoinsSetsThatDifferInWidthAlone) {
  const v1::ListAgreementsResponse response = MadeUpSweep();
  const ReportFigure figure = WidthFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  EXPECT_EQ(figure.charts[0].title, "layers.9, topk, k 16");
  const std::vector<ChartPoint>& strict = figure.charts[0].series[0].points;
  ASSERT_THAT(strict, SizeIs(3));
  EXPECT_EQ(strict[2].x, 8192);
  EXPECT_EQ(strict[2].y, 0.2);
  EXPECT_EQ(strict[2].y_spread, 0.03);
}

TEST(HookpointFigureTest, LayersOfASiteAreALine) {
  const v1::ListAgreementsResponse response = MadeUpSweep();
  const ReportFigure figure = HookpointFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(2));
  ASSERT_THAT(figure.charts[0].series, SizeIs(2));
  EXPECT_EQ(figure.charts[0].series[1].name, "layers.*.mlp");
  EXPECT_THAT(figure.charts[0].x.ticks, ElementsAre(3, 9, 15));
  EXPECT_EQ(figure.charts[0].series[1].points[1].x, 9);
  EXPECT_NEAR(figure.charts[0].series[1].points[1].y, 0.51, 1e-12);
}

TEST(HookpointFigureTest, OtherHookpointsAreRows) {
  MadeUpSet other;
  other.hookpoint = "embeddings";
  const auto response = ResponseOf({MadeUpAgreement("a", {}), MadeUpAgreement("b", other)});
  const ReportFigure figure = HookpointFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  EXPECT_THAT(figure.charts[0].categories, ElementsAre("layers.9", "embeddings"));
}

TEST(ArchitectureFigureTest, StatesTheSparsity) {
  const v1::ListAgreementsResponse response = MadeUpSweep();
  const ReportFigure figure = ArchitectureFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  EXPECT_EQ(figure.charts[0].title, "layers.9, 512 latents");
  EXPECT_THAT(figure.charts[0].categories, ElementsAre("topk, k 16", "relu, L0 16", "gated, L0 16"));
  EXPECT_EQ(figure.charts[0].series[0].points[2].x, 0.62);
}

TEST(TokensFigureTest, EqualSetsOfSeveralSweepsAreALine) {
  MadeUpSet few;
  few.trained_tokens = 100'000;
  MadeUpSet many = few;
  many.trained_tokens = 800'000;
  many.shared = 0.6;
  MadeUpSet wide = few;
  wide.latents = 4096;
  const auto response = ResponseOf({MadeUpAgreement("a", many), MadeUpAgreement("b", few), MadeUpAgreement("c", wide)});
  const std::vector<ReportSet> sets = ReportSets(response);
  EXPECT_EQ(sets[0].short_name, "512 latents, 800,000 tokens");
  const ReportFigure figure = TokensFigure(sets);
  ASSERT_THAT(figure.charts, SizeIs(1));
  EXPECT_EQ(figure.charts[0].title, "layers.9, topk, 512 latents, k 16");
  const std::vector<ChartPoint>& strict = figure.charts[0].series[0].points;
  ASSERT_THAT(strict, SizeIs(2)) << "the wider ones have one number of tokens only";
  EXPECT_EQ(strict[0].x, 100'000);
  EXPECT_EQ(strict[0].y, 0.4);
  EXPECT_EQ(strict[1].x, 800'000);
  EXPECT_EQ(strict[1].y, 0.6);
  EXPECT_THAT(figure.table.ToHtml(), HasSubstr("<td>800,000</td>"));
  // Widths are compared at the same number of tokens.
  const ReportFigure widths = WidthFigure(sets);
  ASSERT_THAT(widths.charts, SizeIs(1));
  EXPECT_THAT(widths.charts[0].title, HasSubstr("100,000 tokens"));
}

TEST(SharingFigureTest, FractionsAddUpToOne) {
  const auto response = ResponseOf({MadeUpAgreement("a", {})});
  const ReportFigure figure = SharingFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  const std::vector<ChartPoint>& points = figure.charts[0].series[0].points;
  ASSERT_THAT(points, SizeIs(3));
  EXPECT_NEAR(points[0].y + points[1].y + points[2].y, 1, 1e-12);
  EXPECT_THAT(figure.table.ToHtml(), HasSubstr("<td>1</td><td>3</td><td>307.2</td><td>0.6000</td>"));
}

TEST(UniqueFigureTest, HasItsSpread) {
  const auto response = ResponseOf({MadeUpAgreement("a", {})});
  const ReportFigure figure = UniqueFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  EXPECT_EQ(figure.charts[0].series[0].points[2].y_spread, 0.02);
  EXPECT_NEAR(figure.charts[0].series[0].points[2].y, 0.6, 1e-12);
}

TEST(SiblingFiguresTest, TwoSeedsAreTooFew) {
  MadeUpSet two;
  two.seeds = 2;
  const auto response = ResponseOf({MadeUpAgreement("a", two)});
  EXPECT_THAT(SharingFigure(ReportSets(response)).omission, HasSubstr("three seeds"));
  EXPECT_THAT(UniqueFigure(ReportSets(response)).omission, HasSubstr("three seeds"));
}

TEST(CosineFigureTest, ShowsTheSampleOfOnePair) {
  const auto response = ResponseOf({MadeUpAgreement("a", {})});
  const ReportFigure figure = CosineFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  EXPECT_THAT(figure.charts[0].series[0].points, SizeIs(300));
  EXPECT_EQ(Count(DrawChart(figure.charts[0]), "<circle"), 300) << "negative cosines have their place";
}

TEST(CosineFigureTest, ManySetsShowFewerLatentsEach) {
  std::vector<v1::Agreement> agreements;
  for (int i = 0; i < 60; ++i) agreements.push_back(MadeUpAgreement(absl::StrCat(i), {}));
  const auto response = ResponseOf(agreements);
  const ReportFigure figure = CosineFigure(ReportSets(response));
  EXPECT_THAT(figure.charts[59].series[0].points, SizeIs(200));
  EXPECT_THAT(figure.definition, HasSubstr("at most 200 latents"));
}

TEST(FrequencyFigureTest, IsTheMeanOverBothDictionaries) {
  v1::Agreement agreement = MadeUpAgreement("a", {});
  for (v1::PairAgreement& pair : *agreement.mutable_pairs()) {
    pair.mutable_deciles_a(0)->set_shared_strict(0.1);
    pair.mutable_deciles_b(0)->set_shared_strict(0.3);
  }
  const auto response = ResponseOf({agreement});
  const ReportFigure figure = FrequencyFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  EXPECT_NEAR(figure.charts[0].series[0].points[0].y, 0.2, 1e-12);
}

TEST(CorrelationFigureTest, FractionsAreOfAllPairs) {
  const auto response = ResponseOf({MadeUpAgreement("a", {})});
  const ReportFigure figure = CorrelationFigure(ReportSets(response));
  ASSERT_THAT(figure.charts, SizeIs(1));
  // 9 bins of 1, then 1, 4, ..., 121: 515 latents in each of three pairs.
  EXPECT_NEAR(figure.charts[0].series[0].points[19].y, 121.0 / 515, 1e-12);
  EXPECT_THAT(figure.table.ToHtml(), HasSubstr("<td>0.9</td><td>1.0</td><td>363</td>"));
}

TEST(RenderReportTest, ShowsAllFiguresOfAFullSweep) {
  const std::string html = Render(MadeUpSweep());
  EXPECT_EQ(Count(html, "<section class=\"figure\""), 9);
  EXPECT_THAT(html, AllOf(HasSubstr("<dd>10 compared, 1 failed, 1 pending</dd>"), HasSubstr("seedbed 1.2.3"),
                          HasSubstr("smollm2-135m"), HasSubstr("matchings of all 100 pairs are proven optimal"),
                          HasSubstr("sibling set s1-failed failed: io: the disk is full"),
                          HasSubstr("sibling set s1-pending is still being compared")));
  EXPECT_THAT(html,
              HasSubstr("<td class=\"text\">layers.3 topk, 512 latents, k 16</td><td>5</td><td>0.7700 ± 0.0100</td>"));
  EXPECT_THAT(html, HasSubstr("tokens: equal sets were trained on equally many tokens"));
}

TEST(RenderReportTest, OneSetWithoutEvaluationNamesWhatIsLeftOut) {
  MadeUpSet set;
  set.evaluated = false;
  const std::string html = Render(ResponseOf({MadeUpAgreement("a", set)}));
  EXPECT_EQ(Count(html, "<section class=\"figure\""), 4);
  for (const char* reason : {"one width only", "one hookpoint only", "one architecture only", "no firing frequencies",
                             "no pair was compared on held-out rows"}) {
    EXPECT_THAT(html, HasSubstr(reason));
  }
}

TEST(RenderReportTest, SaysWhatIsDoubtful) {
  v1::Agreement agreement = MadeUpAgreement("a", {});
  agreement.set_same_batches(false);
  agreement.mutable_pairs(1)->mutable_encoder()->set_certified(false);
  agreement.add_warnings("models differ:\nx and y");
  const std::string html = Render(ResponseOf({agreement}));
  EXPECT_THAT(html, AllOf(HasSubstr("class=\"doubt\">NO, or not known"),
                          HasSubstr("class=\"doubt\">NOT all: 1 of 3 pairs are not proven optimal: layers.9 topk, 512 "
                                    "latents, k 16, seeds 0 - 2"),
                          HasSubstr("models differ:; x and y")));
}

TEST(RenderReportTest, AnEmptySweepAndAFailedOneArePages) {
  EXPECT_THAT(Render({}), AllOf(HasSubstr("No sibling set has an agreement"), HasSubstr("0 compared")));
  const std::string html = Render(ResponseOf({MadeUpFailure("f", "why")}));
  EXPECT_THAT(html, AllOf(HasSubstr("0 compared, 1 failed"), HasSubstr("failed: io: why"), HasSubstr("</html>")));
}

TEST(RenderReportTest, NamesNeverBecomeMarkup) {
  const std::string hostile = "\"><script>alert(1)</script>'";
  MadeUpSet set;
  set.hookpoint = hostile;
  set.architecture = hostile;
  v1::Agreement agreement = MadeUpAgreement(hostile, set);
  agreement.mutable_dictionaries(0)->set_model(hostile);
  agreement.mutable_dictionaries(0)->set_path(hostile);
  agreement.add_warnings(hostile);
  MadeUpSet other = set;
  other.hookpoint = hostile + "2";
  other.latents = 99;
  v1::ListAgreementsResponse response =
      ResponseOf({agreement, MadeUpAgreement("b", other), MadeUpFailure("c", hostile)});
  response.add_pending_sibling_set_ids(hostile);
  const std::string html = RenderReport({hostile}, response, "1.2.3");
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_EQ(Count(html, "'>"), 0);
}

TEST(RenderReportTest, NothingComesFromElsewhere) {
  const std::string html = Render(MadeUpSweep());
  for (const char* reference : {"http:", "https:", "src=", "<script", "<iframe", "@import", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(reference)));
  }
}

// What a path or an attribute of the drawings holds is a number in every case.
void ExpectCoordinates(const std::string& html) {
  const std::regex attribute("<(?:path|rect|circle|text)[^>]*>");
  const std::regex bad("nan|inf|-?[0-9]{6,}", std::regex::icase);
  int elements = 0;
  for (auto it = std::sregex_iterator(html.begin(), html.end(), attribute); it != std::sregex_iterator(); ++it) {
    ++elements;
    const std::string element = it->str();
    EXPECT_FALSE(std::regex_search(element, bad)) << element;
  }
  EXPECT_GT(elements, 50);
}

TEST(RenderReportTest, CoordinatesAreNumbers) { ExpectCoordinates(Render(MadeUpSweep())); }

TEST(RenderReportTest, CoordinatesAreNumbersWhateverTheFigures) {
  v1::Agreement agreement = MadeUpAgreement("a", {});
  for (v1::PairAgreement& pair : *agreement.mutable_pairs()) {
    for (v1::CurvePoint& point : *pair.mutable_curve()) point.set_strict(kNaN);
    for (float& cosine : *pair.mutable_sample_decoder_cosines()) cosine = std::numeric_limits<float>::quiet_NaN();
    for (v1::FrequencyDecile& decile : *pair.mutable_deciles_a()) decile.set_shared_strict(kNaN);
    for (int i = 0; i < 20; ++i) pair.mutable_functional()->set_histogram(i, 0);
  }
  v1::AgreementSummary* summary = agreement.mutable_siblings();
  for (double& count : *summary->mutable_sharing_counts()) count = 0;
  for (double& sd : *summary->mutable_unique_fraction_sd()) sd = std::numeric_limits<double>::infinity();
  summary->mutable_shared_strict()->set_mean(kNaN);
  MadeUpSet other;
  other.latents = 0;
  ExpectCoordinates(Render(ResponseOf({agreement, MadeUpAgreement("b", other)})));
}

TEST(RenderReportTest, TheSameResponseGivesTheSameBytes) { EXPECT_EQ(Render(MadeUpSweep()), Render(MadeUpSweep())); }

}  // namespace
}  // namespace seedbed
