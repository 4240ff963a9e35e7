// What several siblings have learnt alike: groups of latents, at most one of each dictionary, that are found in one
// another.
#ifndef SEEDBED_SAE_AGREEMENT_CONSENSUS_H_
#define SEEDBED_SAE_AGREEMENT_CONSENSUS_H_

#include <cstdint>
#include <vector>

#include "sae/agreement/sibling_matchings.h"

namespace seedbed {

struct ConsensusMember {
  int32_t dictionary;
  int32_t latent;
};

struct ConsensusLatent {
  std::vector<ConsensusMember> members;  // In ascending order of dictionary.
  // The member whose matched cosines with the others, of decoder and encoder rows, have the largest mean. A member that
  // it is not matched to counts 0; of equal ones the first.
  ConsensusMember center;
  double mean_cosine = 0;  // That mean.
};

// Groups with members in at least `least_members` (2 to S) of the dictionaries, the largest groups first, then by their
// center's dictionary and latent. Pairs that are found in one another (Counterparts::Strict) are joined from the
// largest cosine (the smaller one of decoder and encoder) on, unless their groups have a dictionary in common: so a
// chain of matchings that comes back to another latent of a dictionary is cut at its weakest link.
std::vector<ConsensusLatent> FindConsensus(const SiblingMatchings& siblings, double threshold, int64_t least_members);

}  // namespace seedbed

#endif  // SEEDBED_SAE_AGREEMENT_CONSENSUS_H_
