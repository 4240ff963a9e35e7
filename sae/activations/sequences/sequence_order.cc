#include "sae/activations/sequences/sequence_order.h"

#include "sae/activations/stream_seeds.h"

namespace seedbed {

SequenceOrder::SequenceOrder(const StreamConfig& config, const TokenMixture* mixture) : mixture_(mixture) {
  if (!config.shuffled) return;
  for (size_t file = 0; file < mixture->files().size(); ++file) {
    permutations_.emplace_back(static_cast<uint64_t>(mixture->SequencesIn(file)), SequenceOrderSeed(config.seed, file));
  }
}

SequenceOrder::Location SequenceOrder::At(int64_t index) const {
  const Interleaving::Place place = mixture_->At(index);
  return {place.list, SequenceOf(place.list, place.index)};
}

int64_t SequenceOrder::SequenceOf(size_t file, int64_t k) const {
  return permutations_.empty() ? k : static_cast<int64_t>(permutations_[file].At(static_cast<uint64_t>(k)));
}

}  // namespace seedbed
