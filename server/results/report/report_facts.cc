#include "server/results/report/report_facts.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/number_words.h"
#include "proto/words/sae_words.h"
#include "server/results/report/chart_axis.h"

namespace seedbed {
namespace {

constexpr int kDecimals = 4;
constexpr auto kText = HtmlTable::Kind::kText;

bool IsCertified(const v1::PairAgreement& pair) { return pair.decoder().certified() && pair.encoder().certified(); }

// In the order in which they come, each once.
class DistinctWords {
 public:
  void Add(const std::string& word) {
    if (!word.empty() && seen_.insert(word).second) words_.push_back(word);
  }
  std::string Join() const { return words_.empty() ? "not stated" : absl::StrJoin(words_, ", "); }

 private:
  std::set<std::string> seen_;
  std::vector<std::string> words_;
};

std::string JoinModels(const std::vector<ReportSet>& sets) {
  DistinctWords models;
  for (const ReportSet& set : sets) {
    for (const v1::Dictionary& dictionary : set.agreement->dictionaries()) models.Add(dictionary.model());
  }
  return models.Join();
}

std::string JoinHookpoints(const std::vector<ReportSet>& sets) {
  DistinctWords hookpoints;
  for (const ReportSet& set : sets) hookpoints.Add(set.hookpoint);
  return hookpoints.Join();
}

std::string JoinSeeds(const std::vector<ReportSet>& sets) {
  DistinctWords seeds;
  for (const ReportSet& set : sets) {
    for (const v1::Dictionary& dictionary : set.agreement->dictionaries()) seeds.Add(absl::StrCat(dictionary.seed()));
  }
  return seeds.Join();
}

std::string JoinThresholds(const std::vector<ReportSet>& sets) {
  DistinctWords thresholds;
  for (const ReportSet& set : sets) thresholds.Add(FormatTick(set.agreement->threshold()));
  return thresholds.Join();
}

std::string CountSets(const v1::ListAgreementsResponse& response, const std::vector<ReportSet>& sets) {
  const int failed = response.agreements_size() - static_cast<int>(sets.size());
  std::string text = absl::StrCat(sets.size(), " compared");
  if (failed > 0) absl::StrAppend(&text, ", ", failed, " failed");
  if (const int pending = response.pending_sibling_set_ids_size(); pending > 0) {
    absl::StrAppend(&text, ", ", pending, " pending");
  }
  return text;
}

ReportFact BatchFact(const std::vector<ReportSet>& sets) {
  std::vector<std::string> differing;
  for (const ReportSet& set : sets) {
    if (!set.agreement->same_batches()) differing.push_back(set.name);
  }
  if (differing.empty()) return {"same batches", "yes: the batch hashes of every sibling set are equal"};
  return {"same batches",
          absl::StrCat("NO, or not known, so these compare more than seeds: ", absl::StrJoin(differing, "; ")), true};
}

ReportFact CertificateFact(const std::vector<ReportSet>& sets) {
  int pairs = 0;
  std::vector<std::string> uncertified;
  for (const ReportSet& set : sets) {
    for (const v1::PairAgreement& pair : set.agreement->pairs()) {
      ++pairs;
      if (!IsCertified(pair)) {
        uncertified.push_back(absl::StrCat(set.name, ", seeds ", PairName(*set.agreement, pair)));
      }
    }
  }
  if (uncertified.empty()) {
    return {"certified", absl::StrCat("yes: the matchings of all ", FormatCount(pairs), pairs == 1 ? " pair" : " pairs",
                                      " are proven optimal")};
  }
  return {"certified",
          absl::StrCat("NOT all: ", uncertified.size(), " of ", pairs,
                       " pairs are not proven optimal: ", absl::StrJoin(uncertified, "; ")),
          true};
}

}  // namespace

std::vector<ReportFact> ReportFacts(const v1::ListAgreementsResponse& response, const std::vector<ReportSet>& sets,
                                    absl::string_view version) {
  std::vector<ReportFact> facts = {{"sibling sets", CountSets(response, sets)}};
  if (!sets.empty()) {
    facts.push_back({"model", JoinModels(sets)});
    facts.push_back({"hookpoints", JoinHookpoints(sets)});
    facts.push_back({"seeds", JoinSeeds(sets)});
    facts.push_back({"threshold", JoinThresholds(sets)});
    facts.push_back(BatchFact(sets));
    facts.push_back(CertificateFact(sets));
  }
  facts.push_back({"version", absl::StrCat("seedbed ", version)});
  return facts;
}

HtmlTable SummaryTable(const std::vector<ReportSet>& sets) {
  HtmlTable table({{"sibling set", kText},
                   {"seeds"},
                   {"decoder cosine"},
                   {"encoder cosine"},
                   {"MMCS"},
                   {"encoder-decoder equal"},
                   {"shared, strict"},
                   {"shared, aligned"},
                   {"PW-MCC"}});
  for (const ReportSet& set : sets) {
    const v1::AgreementSummary& summary = set.summary();
    table.AddRow({set.name, absl::StrCat(set.seeds()),
                  FormatStatistic(summary.has_decoder_mean_cosine(), summary.decoder_mean_cosine()),
                  FormatStatistic(summary.has_encoder_mean_cosine(), summary.encoder_mean_cosine()),
                  FormatStatistic(summary.has_mmcs(), summary.mmcs()),
                  FormatStatistic(summary.has_encoder_decoder_equal(), summary.encoder_decoder_equal()),
                  FormatStatistic(summary.has_shared_strict(), summary.shared_strict()),
                  FormatStatistic(summary.has_shared_aligned(), summary.shared_aligned()),
                  FormatFixed(summary.pw_mcc(), kDecimals)});
  }
  return table;
}

HtmlTable PairTable(const std::vector<ReportSet>& sets) {
  HtmlTable table({{"sibling set", kText},
                   {"seeds", kText},
                   {"decoder cosine"},
                   {"encoder cosine"},
                   {"MMCS"},
                   {"encoder-decoder equal"},
                   {"shared, strict"},
                   {"shared, aligned"},
                   {"certified", kText}});
  for (const ReportSet& set : sets) {
    for (const v1::PairAgreement& pair : set.agreement->pairs()) {
      const v1::SideAlignment& decoder = pair.decoder();
      table.AddRow({set.name, PairName(*set.agreement, pair), FormatFixed(decoder.mean_cosine(), kDecimals),
                    FormatFixed(pair.encoder().mean_cosine(), kDecimals),
                    FormatFixed((decoder.mmcs_ab() + decoder.mmcs_ba()) / 2, kDecimals),
                    FormatFixed(pair.encoder_decoder_equal(), kDecimals), FormatFixed(pair.shared_strict(), kDecimals),
                    FormatFixed(pair.shared_aligned(), kDecimals), IsCertified(pair) ? "yes" : "NO"});
    }
  }
  return table;
}

std::vector<std::string> MissingAndDoubtful(const v1::ListAgreementsResponse& response,
                                            const std::vector<ReportSet>& sets) {
  std::vector<std::string> lines;
  for (const v1::Agreement& agreement : response.agreements()) {
    if (!agreement.has_failure()) continue;
    const std::string name = agreement.has_sae()
                                 ? absl::StrCat(FormatSae(agreement.sae()), " (", agreement.sibling_set_id(), ")")
                                 : absl::StrCat("sibling set ", agreement.sibling_set_id());
    lines.push_back(absl::StrCat(name, " failed: ", FormatFailure(agreement.failure())));
  }
  for (const std::string& id : response.pending_sibling_set_ids()) {
    lines.push_back(absl::StrCat("sibling set ", id, " is still being compared"));
  }
  for (const ReportSet& set : sets) {
    for (const std::string& warning : set.agreement->warnings()) {
      lines.push_back(absl::StrCat(set.name, ": ", OneLine(warning)));
    }
  }
  return lines;
}

}  // namespace seedbed
