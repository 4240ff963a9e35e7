#include "server/results/report/report_set.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/number_words.h"
#include "proto/words/sae_words.h"

namespace seedbed {
namespace {

constexpr int kDecimals = 4;

ReportSet SetOf(const v1::Agreement& agreement) {
  ReportSet set;
  set.agreement = &agreement;
  set.trained_tokens = agreement.trained_tokens();
  if (agreement.has_sae()) {
    set.hookpoint = FormatHookpoint(agreement.sae());
    set.architecture = FormatArchitecture(agreement.sae());
    set.sparsity = FormatSparsity(agreement.sae());
    set.latents = agreement.sae().latents();
    set.name = FormatSae(agreement.sae());
  } else {
    set.name = absl::StrCat("sibling set ", agreement.sibling_set_id());
    if (agreement.dictionaries().empty()) return set;
    const v1::Dictionary& first = agreement.dictionaries(0);
    set.hookpoint = first.hookpoint();
    set.architecture = first.architecture();
    set.latents = first.latents();
  }
  return set;
}

bool Varies(const std::vector<ReportSet>& sets, std::string ReportSet::*member) {
  return std::any_of(sets.begin(), sets.end(),
                     [&](const ReportSet& set) { return set.*member != sets.front().*member; });
}

void SetTokens(std::vector<ReportSet>& sets) {
  const bool vary = std::any_of(sets.begin(), sets.end(), [&](const ReportSet& set) {
    return set.trained_tokens != sets.front().trained_tokens;
  });
  if (!vary) return;
  for (ReportSet& set : sets) {
    set.tokens = set.trained_tokens > 0 ? absl::StrCat(FormatCount(set.trained_tokens), " tokens") : "unknown tokens";
    absl::StrAppend(&set.name, ", ", set.tokens);
  }
}

void SetShortNames(std::vector<ReportSet>& sets) {
  const bool latents_vary =
      std::any_of(sets.begin(), sets.end(), [&](const ReportSet& set) { return set.latents != sets.front().latents; });
  const bool hookpoint = Varies(sets, &ReportSet::hookpoint);
  const bool architecture = Varies(sets, &ReportSet::architecture);
  const bool sparsity = Varies(sets, &ReportSet::sparsity);
  for (ReportSet& set : sets) {
    std::vector<std::string> parts;
    if (hookpoint) parts.push_back(set.hookpoint);
    if (architecture) parts.push_back(set.architecture);
    if (latents_vary) parts.push_back(absl::StrCat(FormatCount(set.latents), " latents"));
    if (sparsity) parts.push_back(set.sparsity);
    if (!set.tokens.empty()) parts.push_back(set.tokens);
    set.short_name = parts.empty() ? set.name : absl::StrJoin(parts, ", ");
  }
}

// Sets may differ in what a name does not say, a learning rate for one: their ids tell them apart.
void TellApart(std::vector<ReportSet>& sets, std::string ReportSet::*member) {
  std::map<std::string, int> counts;
  for (const ReportSet& set : sets) ++counts[set.*member];
  for (ReportSet& set : sets) {
    if (counts[set.*member] > 1) absl::StrAppend(&(set.*member), " (", set.agreement->sibling_set_id(), ")");
  }
}

}  // namespace

std::vector<ReportSet> ReportSets(const v1::ListAgreementsResponse& response) {
  std::vector<ReportSet> sets;
  for (const v1::Agreement& agreement : response.agreements()) {
    if (!agreement.has_failure()) sets.push_back(SetOf(agreement));
  }
  SetTokens(sets);
  SetShortNames(sets);
  TellApart(sets, &ReportSet::name);
  TellApart(sets, &ReportSet::short_name);
  return sets;
}

std::string FormatStatistic(bool is_set, const v1::Statistic& statistic) {
  if (!is_set) return "-";
  return absl::StrCat(FormatFixed(statistic.mean(), kDecimals), " ± ", FormatFixed(statistic.sd(), kDecimals));
}

std::string PairName(const v1::Agreement& agreement, const v1::PairAgreement& pair) {
  const auto name = [&agreement](int index) {
    if (index < 0 || index >= agreement.dictionaries_size()) return absl::StrCat("#", index);
    return absl::StrCat(agreement.dictionaries(index).seed());
  };
  return absl::StrCat(name(pair.a()), " - ", name(pair.b()));
}

}  // namespace seedbed
