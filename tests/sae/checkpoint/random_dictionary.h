// Dictionaries of every architecture with random tensors.
#ifndef SEEDBED_TESTS_SAE_CHECKPOINT_RANDOM_DICTIONARY_H_
#define SEEDBED_TESTS_SAE_CHECKPOINT_RANDOM_DICTIONARY_H_

#include <string>
#include <vector>

#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/expected_tensors.h"

namespace seedbed {

inline constexpr const char* kArchitectureNames[] = {"topk", "batchtopk", "relu", "gated", "jumprelu", "matryoshka"};

// k is 3 where there is one. An autoencoder, but for `d_out` other than `d_in`.
Dictionary RandomDictionary(const DictionaryShape& shape, bool centers_input = true);

// Six latents of width 4.
Dictionary RandomDictionary(const std::string& architecture);

// Fields and tensors, bit for bit.
void ExpectSame(const Dictionary& actual, const Dictionary& expected);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_CHECKPOINT_RANDOM_DICTIONARY_H_
