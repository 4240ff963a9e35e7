// Dictionaries on disk without LibTorch, for tests that run the real seedbed-agree.
#ifndef SEEDBED_TESTS_SERVER_RESULTS_SMALL_DICTIONARY_H_
#define SEEDBED_TESTS_SERVER_RESULTS_SMALL_DICTIONARY_H_

#include <cstdint>
#include <string>

#include "seedbed/v1/artifact.pb.h"

namespace seedbed {

// Writes a dictionary in sparsify's format with a manifest, of random rows; the first half of the latents is the same
// for every seed, in another order. Equal arguments give equal bytes. Returns it as a run's result has it.
v1::Artifact WriteSmallDictionary(const std::string& folder, int64_t latents, int64_t d, uint64_t seed);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_RESULTS_SMALL_DICTIONARY_H_
