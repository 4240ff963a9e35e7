#include "client/agreement_tables.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace seedbed {
namespace {

// Quoted where it has to be, as in RFC 4180.
std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

// A run's id, or of a dictionary from elsewhere its folder.
std::string NameOf(const v1::Agreement& agreement, int index) {
  if (index < 0 || index >= agreement.dictionaries_size()) return absl::StrCat("#", index);
  const v1::Dictionary& dictionary = agreement.dictionaries(index);
  return Cell(dictionary.run_id().empty() ? dictionary.path() : dictionary.run_id());
}

void AddSide(const v1::SideAlignment& side, std::string* out) {
  absl::StrAppendFormat(out, ",%.9g,%.9g,%.9g,%.17g,%d", side.mean_cosine(), side.mmcs_ab(), side.mmcs_ba(),
                        side.upper_bound(), side.certified() ? 1 : 0);
}

void AddPairs(const v1::Agreement& agreement, const std::string& set, std::string* out) {
  for (const v1::PairAgreement& pair : agreement.pairs()) {
    absl::StrAppend(out, set, ",", NameOf(agreement, pair.a()), ",", NameOf(agreement, pair.b()));
    absl::StrAppendFormat(out, ",%.9g", agreement.threshold());
    AddSide(pair.decoder(), out);
    AddSide(pair.encoder(), out);
    absl::StrAppendFormat(out, ",%.9g,%.9g,%.9g\n", pair.encoder_decoder_equal(), pair.shared_strict(),
                          pair.shared_aligned());
  }
}

void AddCurves(const v1::Agreement& agreement, const std::string& set, std::string* out) {
  for (const v1::PairAgreement& pair : agreement.pairs()) {
    for (const v1::CurvePoint& point : pair.curve()) {
      absl::StrAppend(out, set, ",", NameOf(agreement, pair.a()), ",", NameOf(agreement, pair.b()));
      absl::StrAppendFormat(out, ",%.9g,%.9g,%.9g\n", point.threshold(), point.strict(), point.aligned());
    }
  }
}

void AddSharingCounts(const v1::Agreement& agreement, const std::string& set, std::string* out) {
  for (int m = 0; m < agreement.siblings().sharing_counts_size(); ++m) {
    absl::StrAppendFormat(out, "%s,%d,%.9g\n", set, m + 1, agreement.siblings().sharing_counts(m));
  }
}

void AddUniqueFractions(const v1::Agreement& agreement, const std::string& set, std::string* out) {
  const v1::AgreementSummary& siblings = agreement.siblings();
  for (int s = 0; s < siblings.unique_fraction_by_seeds_size(); ++s) {
    const double sd = s < siblings.unique_fraction_sd_size() ? siblings.unique_fraction_sd(s) : 0;
    absl::StrAppendFormat(out, "%s,%d,%.9g,%.9g\n", set, s + 1, siblings.unique_fraction_by_seeds(s), sd);
  }
}

}  // namespace

std::map<std::string, std::string> AgreementTables(const std::vector<v1::Agreement>& agreements) {
  std::string pairs =
      "sibling_set,dictionary_a,dictionary_b,threshold,decoder_mean_cosine,decoder_mmcs_ab,decoder_mmcs_ba,"
      "decoder_upper_bound,decoder_certified,encoder_mean_cosine,encoder_mmcs_ab,encoder_mmcs_ba,encoder_upper_bound,"
      "encoder_certified,encoder_decoder_equal,shared_strict,shared_aligned\n";
  std::string curves = "sibling_set,dictionary_a,dictionary_b,threshold,strict,aligned\n";
  std::string sharing_counts = "sibling_set,dictionaries,latents\n";
  std::string unique_fractions = "sibling_set,seeds,mean,sd\n";
  for (const v1::Agreement& agreement : agreements) {
    if (agreement.has_failure()) continue;
    const std::string set = Cell(agreement.sibling_set_id());
    AddPairs(agreement, set, &pairs);
    AddCurves(agreement, set, &curves);
    AddSharingCounts(agreement, set, &sharing_counts);
    AddUniqueFractions(agreement, set, &unique_fractions);
  }
  return {
      {"pairs", pairs}, {"curves", curves}, {"sharing_counts", sharing_counts}, {"unique_fractions", unique_fractions}};
}

}  // namespace seedbed
