// Where on disk each sequence of a stream lies.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCES_SEQUENCE_ORDER_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCES_SEQUENCE_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sae/activations/permutation.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/stream_config.h"

namespace seedbed {

// The k-th sequence taken from file j of F_j sequences is the file's sequence P_j(k), where P_j is a permutation of
// [0, F_j) keyed by SequenceOrderSeed(seed, j) when the stream is shuffled, and the identity otherwise. Immutable.
class SequenceOrder {
 public:
  // `mixture` outlives the order.
  SequenceOrder(const StreamConfig& config, const TokenMixture* mixture);

  struct Location {
    size_t file = 0;
    int64_t sequence = 0;  // Of the file.
  };

  // Of sequence `index` of the stream, < mixture->sequences().
  Location At(int64_t index) const;

  // The file's sequence that is its k-th in this order, k < mixture->SequencesIn(file). The stream takes those up to
  // mixture->SequencesTakenFrom(file).
  int64_t SequenceOf(size_t file, int64_t k) const;

 private:
  const TokenMixture* mixture_;
  std::vector<Permutation> permutations_;  // By file; none where the stream is not shuffled.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCES_SEQUENCE_ORDER_H_
