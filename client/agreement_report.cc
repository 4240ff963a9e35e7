#include "client/agreement_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/format.h"
#include "client/table.h"

namespace seedbed {
namespace {

constexpr int kDecimals = 4;
constexpr size_t kIndent = 2;

std::string Seeds(const v1::Agreement& agreement) {
  return absl::StrJoin(agreement.dictionaries(), ", ", [](std::string* out, const v1::Dictionary& dictionary) {
    absl::StrAppend(out, dictionary.seed());
  });
}

std::string Heading(const v1::Agreement& agreement) {
  return absl::StrCat(FormatSae(agreement.sae()), ": seeds ", Seeds(agreement),
                      ", same batches: ", agreement.same_batches() ? "yes" : "NO, so this compares more than seeds",
                      "\n");
}

// The seed that the pair's index names; an index that is out of range is shown itself.
std::string SeedAt(const v1::Agreement& agreement, int index) {
  if (index < 0 || index >= agreement.dictionaries_size()) return absl::StrCat("#", index);
  return absl::StrCat(agreement.dictionaries(index).seed());
}

void AddPair(const v1::Agreement& agreement, const v1::PairAgreement& pair, Table& table) {
  const bool certified = pair.decoder().certified() && pair.encoder().certified();
  table.AddRow({absl::StrCat(SeedAt(agreement, pair.a()), " - ", SeedAt(agreement, pair.b())),
                FormatFixed(pair.decoder().mean_cosine(), kDecimals),
                FormatFixed(pair.encoder().mean_cosine(), kDecimals),
                FormatFixed((pair.decoder().mmcs_ab() + pair.decoder().mmcs_ba()) / 2, kDecimals),
                FormatFixed(pair.encoder_decoder_equal(), kDecimals), FormatFixed(pair.shared_strict(), kDecimals),
                FormatFixed(pair.shared_aligned(), kDecimals), certified ? "yes" : "NO"});
}

void AddSummary(const v1::AgreementSummary& summary, Table& table) {
  const auto row = [&](const char* name, auto statistic_value) {
    table.AddRow({name, statistic_value(summary.decoder_mean_cosine()), statistic_value(summary.encoder_mean_cosine()),
                  statistic_value(summary.mmcs()), statistic_value(summary.encoder_decoder_equal()),
                  statistic_value(summary.shared_strict()), statistic_value(summary.shared_aligned()), ""});
  };
  row("mean", [](const v1::Statistic& statistic) { return FormatFixed(statistic.mean(), kDecimals); });
  row("± sd", [](const v1::Statistic& statistic) { return FormatFixed(statistic.sd(), kDecimals); });
}

std::string SharingLine(const v1::AgreementSummary& summary) {
  if (summary.sharing_counts().empty()) return "";
  std::vector<std::string> counts;
  for (int m = 0; m < summary.sharing_counts_size(); ++m) {
    counts.push_back(absl::StrCat(FormatFixed(summary.sharing_counts(m), 1), " in ", m + 1));
  }
  return absl::StrCat("  latents of a dictionary found in exactly m of the ", summary.sharing_counts_size(),
                      " dictionaries: ", absl::StrJoin(counts, ", "), "\n");
}

}  // namespace

std::string FormatAgreement(const v1::Agreement& agreement) {
  if (agreement.has_failure()) {
    return absl::StrCat("sibling set ", agreement.sibling_set_id(),
                        ": no agreement: ", FormatFailure(agreement.failure()), "\n");
  }
  const auto right = Table::Align::kRight;
  Table table({{"SEEDS"},
               {"DECODER COSINE", right},
               {"ENCODER COSINE", right},
               {"MMCS", right},
               {"EQUAL", right},
               {"SHARED STRICT", right},
               {"SHARED ALIGNED", right},
               {"CERTIFIED"}});
  for (const v1::PairAgreement& pair : agreement.pairs()) AddPair(agreement, pair, table);
  AddSummary(agreement.summary(), table);
  return absl::StrCat(Heading(agreement), table.ToString(kIndent), "  PW-MCC ",
                      FormatFixed(agreement.summary().pw_mcc(), kDecimals), "; shared at a cosine of ",
                      FormatFixed(agreement.threshold(), 2), "\n", SharingLine(agreement.summary()));
}

std::string FormatAgreements(const v1::ListAgreementsResponse& agreements) {
  std::vector<std::string> parts;
  for (const v1::Agreement& agreement : agreements.agreements()) parts.push_back(FormatAgreement(agreement));
  if (const int pending = agreements.pending_sibling_set_ids_size(); pending > 0) {
    parts.push_back(
        absl::StrCat(pending, pending == 1 ? " sibling set is" : " sibling sets are", " still being compared\n"));
  }
  if (parts.empty()) return "no agreement yet: it comes when all runs of a sibling set have ended\n";
  return absl::StrJoin(parts, "\n");
}

}  // namespace seedbed
