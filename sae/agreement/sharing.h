// In how many of its siblings a latent is found. Found = Counterparts::Strict in that pair.
#ifndef SEEDBED_SAE_AGREEMENT_SHARING_H_
#define SEEDBED_SAE_AGREEMENT_SHARING_H_

#include <cstdint>
#include <vector>

#include "sae/agreement/sibling_matchings.h"

namespace seedbed {

// sharing[m - 1]: how many latents of one dictionary are found in exactly m of the S dictionaries, itself counted.
std::vector<int64_t> SharingCounts(const SiblingMatchings& siblings, int64_t dictionary, double threshold);

// The fraction of a dictionary's latents that are found in none of the others, among s dictionaries.
struct UniqueFraction {
  double mean = 0;  // Over the subsets of s dictionaries and the dictionaries in each.
  double sd = 0;    // Population standard deviation over the same.
  double least = 0;
  double largest = 0;
};

// Of s = 1, ..., S: what adding seeds in any order gives. Over all subsets where S <= kMostEnumerated; else over
// kSampledSubsets of each size for each dictionary, drawn from a fixed seed. 1 for s = 1.
inline constexpr int64_t kMostEnumerated = 16;
inline constexpr int64_t kSampledSubsets = 100;
std::vector<UniqueFraction> UniqueFractions(const SiblingMatchings& siblings, double threshold);

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_SHARING_H_
