#include "server/results/report/report_page.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/results/report/latent_figures.h"
#include "server/results/report/report_facts.h"
#include "server/results/report/report_figure.h"
#include "server/results/report/report_set.h"
#include "server/results/report/report_style.h"
#include "server/results/report/shared_figures.h"
#include "server/results/report/sibling_figures.h"

namespace seedbed {
namespace {

std::vector<ReportFigure> AllFigures(const std::vector<ReportSet>& sets) {
  return {ThresholdFigure(sets), WidthFigure(sets),      HookpointFigure(sets), ArchitectureFigure(sets),
          TokensFigure(sets),    SharingFigure(sets),    UniqueFigure(sets),    CosineFigure(sets),
          FrequencyFigure(sets), CorrelationFigure(sets)};
}

std::string Head(const std::string& title) {
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>",
      EscapeHtml(title), "</title>\n<style>", ReportStyle(), "</style>\n</head>\n");
}

std::string FactsSection(const std::vector<ReportFact>& facts) {
  std::string html = "<section id=\"facts\">\n<h2>The sweep</h2>\n<dl>\n";
  for (const ReportFact& fact : facts) {
    absl::StrAppend(&html, "<dt>", EscapeHtml(fact.name), "</dt><dd", fact.doubtful ? " class=\"doubt\"" : "", ">",
                    EscapeHtml(fact.value), "</dd>\n");
  }
  return absl::StrCat(html, "</dl>\n</section>\n");
}

std::string ListSection(const char* id, const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string html = absl::StrCat("<section id=\"", id, "\">\n<h2>", title, "</h2>\n<ul class=\"notes\">\n");
  for (const std::string& line : lines) absl::StrAppend(&html, "<li>", EscapeHtml(line), "</li>\n");
  return absl::StrCat(html, "</ul>\n</section>\n");
}

std::string SummarySection(const std::vector<ReportSet>& sets) {
  return absl::StrCat(
      "<section id=\"summary\">\n<h2>Agreement by sibling set</h2>\n<p class=\"definition\">Mean ± standard deviation "
      "over "
      "the pairs of seeds. Cosines are means over the optimal matching of unit rows; MMCS is the mean largest cosine "
      "on "
      "decoder rows, mean of both directions; encoder-decoder equal is the fraction of latents with the same "
      "counterpart on "
      "both sides; PW-MCC is the mean decoder cosine over pairs.</p>\n",
      SummaryTable(sets).ToHtml(), "<details><summary>All pairs</summary>\n", PairTable(sets).ToHtml(),
      "</details>\n</section>\n");
}

std::string FigureSection(const ReportFigure& figure) {
  std::string html =
      absl::StrCat("<section class=\"figure\" id=\"", figure.id, "\">\n<h2>", EscapeHtml(figure.title),
                   "</h2>\n<p class=\"definition\">", EscapeHtml(figure.definition), "</p>\n<div class=\"charts\">\n");
  for (const Chart& chart : figure.charts) html += DrawChart(chart);
  return absl::StrCat(html, "</div>\n<details><summary>Data</summary>\n", figure.table.ToHtml(),
                      "</details>\n</section>\n");
}

}  // namespace

std::string RenderReport(const std::vector<std::string>& sweep_ids, const v1::ListAgreementsResponse& response,
                         absl::string_view version) {
  const std::vector<ReportSet> sets = ReportSets(response);
  const std::string title =
      absl::StrCat("Agreement of ", sweep_ids.size() == 1 ? "sweep " : "sweeps ", absl::StrJoin(sweep_ids, ", "));
  std::string html =
      absl::StrCat(Head(title), "<body>\n<main>\n<h1>", EscapeHtml(title),
                   "</h1>\n<p class=\"lead\">How far dictionaries that differ only in their seed have the "
                   "same latents.</p>\n",
                   FactsSection(ReportFacts(response, sets, version)),
                   ListSection("missing", "Missing and doubtful", MissingAndDoubtful(response, sets)));
  if (sets.empty()) {
    return absl::StrCat(html,
                        "<section><p>No sibling set has an agreement: one comes when all runs of a set have "
                        "ended.</p></section>\n</main>\n</body>\n</html>\n");
  }
  html += SummarySection(sets);
  std::vector<std::string> omissions;
  for (const ReportFigure& figure : AllFigures(sets)) {
    if (figure.omission.empty()) {
      html += FigureSection(figure);
    } else {
      omissions.push_back(absl::StrCat(figure.title, ": ", figure.omission));
    }
  }
  return absl::StrCat(html, ListSection("omitted", "Figures left out", omissions), "</main>\n</body>\n</html>\n");
}

}  // namespace seedbed
