// README.md of an exported dictionary: what it is, what it was trained on, and how to load it.
#ifndef SEEDBED_SAE_CHECKPOINT_README_H_
#define SEEDBED_SAE_CHECKPOINT_README_H_

#include <string>

#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/dictionary_format.h"
#include "sae/checkpoint/run_facts.h"

namespace seedbed {

inline constexpr char kReadmeName[] = "README.md";

// In Markdown. Model, hookpoint, data, seed, convention and metrics as `facts` state them; what they don't is called
// unknown.
std::string ReadmeText(const Dictionary& dictionary, DictionaryFormat format, const RunFacts& facts);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_README_H_
