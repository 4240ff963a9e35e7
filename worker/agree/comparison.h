// A sibling set, or any dictionaries, compared: every pair's matching and what follows from them.
#ifndef SEEDBED_WORKER_AGREE_COMPARISON_H_
#define SEEDBED_WORKER_AGREE_COMPARISON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/agreement/pair_agreement.h"
#include "sae/agreement/pair_matching.h"
#include "sae/agreement/sibling_matchings.h"
#include "sae/inference/sparse_activations.h"
#include "sae/match/product_sweep.h"
#include "worker/agree/compared_dictionary.h"
#include "worker/agree/dictionary_cache.h"
#include "worker/agree/functional.h"

namespace seedbed {

struct ComparisonOptions {
  double threshold = 0.7;
  std::string pair_folder;  // Of a PairStore; empty = nothing is stored.
  std::string rows;         // Safetensors of held-out rows; empty = no functional agreement.
  // After so many seconds matchings are left as they are, with a bound but without a proof; 0 = no limit.
  double max_seconds = 0;
  const ProductSweep* sweep = nullptr;  // ExactMatchingOptions::sweep
};

// {correlation by latent of a}, where there are held-out rows.
using Correlations = std::vector<std::optional<double>>;

// One pair, but for what its dictionaries say themselves.
struct ComparedPair {
  int64_t a = 0;  // Index of the dictionary.
  int64_t b = 0;
  PairMatching matching;
  PairAgreement agreement;
  Correlations correlations;  // [latents of a]; empty without held-out rows.
};

struct Comparison {
  std::vector<ComparedDictionary> dictionaries;
  std::vector<ComparedPair> pairs;  // (0,1), (0,2), ..., (1,2), ...
  SiblingMatchings siblings;
  std::optional<HeldOutRows> rows;
  std::vector<std::string> warnings;
};

// Errors: INVALID_ARGUMENT, naming what doesn't fit, for dictionaries of different widths; as DictionaryCache::Get,
// DescribeDictionary, MatchPair, PairStore and ReadHeldOutRows. What was stored before an error stays.
absl::StatusOr<Comparison> CompareDictionaries(const std::vector<std::string>& folders,
                                               const ComparisonOptions& options, DictionaryCache* cache);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_COMPARISON_H_
