// The consensus of siblings as a dictionary of its own.
#ifndef SEEDBED_WORKER_AGREE_CONSENSUS_DICTIONARY_H_
#define SEEDBED_WORKER_AGREE_CONSENSUS_DICTIONARY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"
#include "worker/agree/comparison.h"
#include "worker/agree/dictionary_cache.h"

namespace seedbed {

struct ConsensusOptions {
  double threshold = 0.7;
  int64_t least_members = 2;  // 2 to the number of dictionaries.
  std::string folder;
};

// Exports the latents that are found in at least `least_members` of the dictionaries (FindConsensus), each as its most
// central member has it. b_dec and W_skip are means over the dictionaries; a latent's b_enc is moved by what its own
// dictionary's b_dec differs from that mean, so that it fires on a row as it does there: with c = x - b_dec,
// W_enc (x - b_own) + b_enc = W_enc (x - b_mean) + (b_enc + W_enc (b_mean - b_own)). k is at most the number of
// latents.
//
// Beside it lies consensus.csv (for each latent its center, and its member in each dictionary); where the comparison
// has held-out rows, FVU and L0 on them are in the manifest's facts. INVALID_ARGUMENT where no latent is found in so
// many, and for dictionaries of different architectures, naming them; ABORTED where a reconstruction is not finite;
// otherwise as ExportDictionary.
absl::StatusOr<ExportedDictionary> ExportConsensus(const Comparison& comparison, const ConsensusOptions& options,
                                                   DictionaryCache* cache);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_CONSENSUS_DICTIONARY_H_
