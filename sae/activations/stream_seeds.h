// What a stream's one seed is used for. The numbers are part of the stream's definition and never change.
#ifndef SEEDBED_SAE_ACTIVATIONS_STREAM_SEEDS_H_
#define SEEDBED_SAE_ACTIVATIONS_STREAM_SEEDS_H_

#include <cstddef>
#include <cstdint>

#include "common/random.h"

namespace seedbed {

// Keys the permutation of the sequences of file `file` of a mixture.
constexpr uint64_t SequenceOrderSeed(uint64_t seed, size_t file = 0) {
  return DeriveSeed(seed, 0x5E90'0000'0000'0000ull + file);
}

// Seeds the mixing of epoch 0.
constexpr uint64_t MixingSeed(uint64_t seed) { return DeriveSeed(seed, 0x317C'0000'0000'0000ull); }

// Keys the permutation of all rows in epoch `epoch` >= 1.
constexpr uint64_t EpochOrderSeed(uint64_t seed, int64_t epoch) {
  return DeriveSeed(seed, 0xE90C'0000'0000'0000ull + static_cast<uint64_t>(epoch));
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_STREAM_SEEDS_H_
