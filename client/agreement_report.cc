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

std::string SameBatches(const v1::Agreement& agreement) {
  return absl::StrCat("same batches: ", agreement.same_batches() ? "yes" : "NO, so this compares more than seeds");
}

// Of dictionaries that are no sibling set: what each of them is.
std::string Listing(const v1::Agreement& agreement) {
  std::string listing;
  for (int i = 0; i < agreement.dictionaries_size(); ++i) {
    const v1::Dictionary& dictionary = agreement.dictionaries(i);
    absl::StrAppend(&listing, "#", i, " ", dictionary.path(), ": ", dictionary.architecture(), ", ",
                    FormatCount(dictionary.latents()), " latents\n");
  }
  const auto& hashes = agreement.batch_hashes();
  const bool all_known = !hashes.empty() && std::none_of(hashes.begin(), hashes.end(),
                                                         [](const std::string& hash) { return hash.empty(); });
  if (all_known) absl::StrAppend(&listing, SameBatches(agreement), "\n");
  return listing;
}

std::string Heading(const v1::Agreement& agreement) {
  std::string heading = Listing(agreement);
  if (agreement.has_sae()) {
    heading =
        absl::StrCat(FormatSae(agreement.sae()), ": seeds ", Seeds(agreement), ", ", SameBatches(agreement), "\n");
  }
  for (const std::string& warning : agreement.warnings())
    absl::StrAppend(&heading, "WARNING: ", OneLine(warning), "\n");
  return heading;
}

// The seed of a sibling that the pair's index names; else the index itself.
std::string SeedAt(const v1::Agreement& agreement, int index) {
  if (!agreement.has_sae() || index < 0 || index >= agreement.dictionaries_size()) return absl::StrCat("#", index);
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

std::string FunctionalLine(const v1::AgreementSummary& summary) {
  if (!summary.has_functional_correlation()) return "";
  return absl::StrCat("  activations of matched latents on held-out rows correlate by ",
                      FormatFixed(summary.functional_correlation().mean(), kDecimals), " on average\n");
}

}  // namespace

std::string FormatAgreement(const v1::Agreement& agreement) {
  if (agreement.has_failure()) {
    return absl::StrCat("sibling set ", agreement.sibling_set_id(),
                        ": no agreement: ", FormatFailure(agreement.failure()), "\n");
  }
  const auto right = Table::Align::kRight;
  Table table({{agreement.has_sae() ? "SEEDS" : "PAIR"},
               {"DECODER COSINE", right},
               {"ENCODER COSINE", right},
               {"MMCS", right},
               {"EQUAL", right},
               {"SHARED STRICT", right},
               {"SHARED ALIGNED", right},
               {"CERTIFIED"}});
  for (const v1::PairAgreement& pair : agreement.pairs()) AddPair(agreement, pair, table);
  AddSummary(agreement.siblings(), table);
  return absl::StrCat(Heading(agreement), table.ToString(kIndent), "  PW-MCC ",
                      FormatFixed(agreement.siblings().pw_mcc(), kDecimals), "; shared at a cosine of ",
                      FormatFixed(agreement.threshold(), 2), "\n", SharingLine(agreement.siblings()),
                      FunctionalLine(agreement.siblings()));
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
