#include "worker/agree/comparison.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/status.h"
#include "sae/inference/encoder.h"
#include "sae/match/match_pair.h"
#include "worker/agree/pair_store.h"

namespace seedbed {
namespace {

absl::Status CheckWidth(absl::string_view field, const ComparedDictionary& latest, int64_t found,
                        const ComparedDictionary& first, int64_t needed) {
  if (found == needed) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(latest.path, ": ", field, " is ", found, ", but that of ", first.path,
                                                 " is ", needed, "; only dictionaries of one width can be compared"));
}

absl::StatusOr<std::vector<ComparedDictionary>> Describe(const std::vector<std::string>& folders,
                                                         DictionaryCache* cache) {
  std::vector<ComparedDictionary> dictionaries;
  for (const std::string& folder : folders) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const Dictionary> dictionary, cache->Get(folder));
    ASSIGN_OR_RETURN(ComparedDictionary described, DescribeDictionary(folder, *dictionary));
    dictionaries.push_back(std::move(described));
    const ComparedDictionary& first = dictionaries.front();
    const ComparedDictionary& latest = dictionaries.back();
    RETURN_IF_ERROR(CheckWidth("d_in", latest, latest.d_in, first, first.d_in));
    RETURN_IF_ERROR(CheckWidth("d_out", latest, latest.d_out, first, first.d_out));
  }
  return dictionaries;
}

// One for each way in which a dictionary is of something else than the first one that says what it is of.
std::vector<std::string> WarningsOf(const std::vector<ComparedDictionary>& dictionaries) {
  std::vector<std::string> warnings;
  const auto compare = [&](absl::string_view what, auto value_of) {
    const ComparedDictionary* first = nullptr;
    for (const ComparedDictionary& dictionary : dictionaries) {
      const std::string& value = value_of(dictionary);
      if (value.empty()) continue;
      if (first == nullptr) first = &dictionary;
      if (value == value_of(*first)) continue;
      warnings.push_back(absl::StrCat("the ", what, " of ", dictionary.path, " is ", value, ", that of ", first->path,
                                      " is ", value_of(*first)));
    }
  };
  compare("model", [](const ComparedDictionary& d) -> const std::string& { return d.facts.model; });
  compare("hookpoint", [](const ComparedDictionary& d) -> const std::string& { return d.facts.hookpoint; });
  compare("target hookpoint",
          [](const ComparedDictionary& d) -> const std::string& { return d.facts.target_hookpoint; });
  return warnings;
}

double Now() { return absl::ToDoubleSeconds(Clock::Real()->Monotonic()); }

MatchOptions MatchOptionsOf(const ComparisonOptions& options) {
  MatchOptions match;
  match.seconds = &Now;
  match.engine.sweep = options.sweep;
  if (options.max_seconds > 0) {
    match.engine.expired = [end = Now() + options.max_seconds] { return Now() >= end; };
  }
  return match;
}

absl::StatusOr<PairMatching> Match(const ComparedDictionary& a, const ComparedDictionary& b,
                                   const MatchOptions& options, DictionaryCache* cache) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Dictionary> of_a, cache->Get(a.path));
  ASSIGN_OR_RETURN(const std::shared_ptr<const Dictionary> of_b, cache->Get(b.path));
  auto pair =
      MatchPair({of_a->decoder_weight, of_a->encoder_weight}, {of_b->decoder_weight, of_b->encoder_weight}, options);
  if (!pair.ok()) return Annotate(pair.status(), absl::StrCat(a.path, " and ", b.path));
  return pair;
}

bool IsProven(const SideMatching& side) { return side.certified && side.largest_proven; }

// What isn't proven, because its time was up, is not stored.
absl::StatusOr<PairMatching> FindOrMatch(const ComparedDictionary& a, const ComparedDictionary& b,
                                         const std::string& pair_folder, const MatchOptions& options,
                                         DictionaryCache* cache) {
  if (pair_folder.empty()) return Match(a, b, options, cache);
  const PairStore store(pair_folder);
  ASSIGN_OR_RETURN(std::optional<PairMatching> stored, store.Find(a.identity, b.identity));
  if (stored.has_value()) return *std::move(stored);
  ASSIGN_OR_RETURN(PairMatching matched, Match(a, b, options, cache));
  if (IsProven(matched.decoder) && IsProven(matched.encoder)) {
    RETURN_IF_ERROR(store.Save(a.identity, b.identity, matched));
  }
  return matched;
}

absl::StatusOr<std::vector<ComparedPair>> ComparePairs(const std::vector<ComparedDictionary>& dictionaries,
                                                       const ComparisonOptions& options, DictionaryCache* cache) {
  const MatchOptions match = MatchOptionsOf(options);
  std::vector<ComparedPair> pairs;
  for (size_t a = 0; a < dictionaries.size(); ++a) {
    for (size_t b = a + 1; b < dictionaries.size(); ++b) {
      ComparedPair pair;
      pair.a = static_cast<int64_t>(a);
      pair.b = static_cast<int64_t>(b);
      ASSIGN_OR_RETURN(pair.matching, FindOrMatch(dictionaries[a], dictionaries[b], options.pair_folder, match, cache));
      ASSIGN_OR_RETURN(pair.agreement, MeasurePair(pair.matching, options.threshold));
      pairs.push_back(std::move(pair));
    }
  }
  return pairs;
}

absl::StatusOr<SiblingMatchings> SiblingsOf(const std::vector<ComparedDictionary>& dictionaries,
                                            const std::vector<ComparedPair>& pairs) {
  std::vector<int64_t> latents;
  for (const ComparedDictionary& dictionary : dictionaries) latents.push_back(dictionary.latents);
  std::vector<Counterparts> counterparts;
  for (const ComparedPair& pair : pairs) counterparts.push_back(pair.matching.counterparts);
  return SiblingMatchings::Make(std::move(latents), std::move(counterparts));
}

absl::Status AddCorrelations(const HeldOutRows& held_out, const std::vector<ComparedDictionary>& dictionaries,
                             DictionaryCache* cache, std::vector<ComparedPair>* pairs) {
  std::vector<SparseActivations> activations;
  for (const ComparedDictionary& described : dictionaries) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const Dictionary> dictionary, cache->Get(described.path));
    auto encoded = Encode(*dictionary, held_out.rows);
    if (!encoded.ok()) return Annotate(encoded.status(), described.path);
    activations.push_back(*std::move(encoded));
  }
  for (ComparedPair& pair : *pairs) {
    pair.correlations = Correlate(activations[static_cast<size_t>(pair.a)], activations[static_cast<size_t>(pair.b)],
                                  pair.matching.counterparts.decoder.counterpart, pair.matching.latents_b());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Comparison> CompareDictionaries(const std::vector<std::string>& folders,
                                               const ComparisonOptions& options, DictionaryCache* cache) {
  ASSIGN_OR_RETURN(std::vector<ComparedDictionary> dictionaries, Describe(folders, cache));
  std::optional<HeldOutRows> rows;
  if (!options.rows.empty()) {
    ASSIGN_OR_RETURN(rows, ReadHeldOutRows(options.rows, dictionaries.front().d_in));
  }
  ASSIGN_OR_RETURN(std::vector<ComparedPair> pairs, ComparePairs(dictionaries, options, cache));
  ASSIGN_OR_RETURN(SiblingMatchings siblings, SiblingsOf(dictionaries, pairs));
  if (rows.has_value()) RETURN_IF_ERROR(AddCorrelations(*rows, dictionaries, cache, &pairs));
  std::vector<std::string> warnings = WarningsOf(dictionaries);
  return Comparison{std::move(dictionaries), std::move(pairs), std::move(siblings), std::move(rows),
                    std::move(warnings)};
}

}  // namespace seedbed
