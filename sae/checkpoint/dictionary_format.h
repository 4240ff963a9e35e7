// The formats in which a dictionary lies on disk (docs/formats.md): a folder with cfg.json and one file of weights.
#ifndef SEEDBED_SAE_CHECKPOINT_DICTIONARY_FORMAT_H_
#define SEEDBED_SAE_CHECKPOINT_DICTIONARY_FORMAT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedbed {

// In the order in which a run's folder prefers them: the first that can express the dictionary.
enum class DictionaryFormat {
  kSparsify,  // Of sparsify 1.3.3: sae.safetensors.
  kSaeLens,   // Of SAELens 6.54: sae_weights.safetensors.
  kSeedbed,   // Ours, which can express every dictionary: sae.safetensors.
};

inline constexpr DictionaryFormat kDictionaryFormats[] = {DictionaryFormat::kSparsify, DictionaryFormat::kSaeLens,
                                                          DictionaryFormat::kSeedbed};

inline constexpr char kConfigName[] = "cfg.json";

// "sparsify", "saelens", "seedbed".
const char* NameOf(DictionaryFormat format);

// INVALID_ARGUMENT, saying which there are.
absl::StatusOr<DictionaryFormat> ParseDictionaryFormat(absl::string_view name);

// The file of a folder that holds the tensors.
const char* WeightsNameOf(DictionaryFormat format);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_DICTIONARY_FORMAT_H_
